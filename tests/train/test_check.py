from dataclasses import dataclass

import pytest

from swann._errors import InvalidValueError
from swann.train._check import as_tuple, check_choice, check_flag, check_integer, check_keys, check_number


@dataclass
class _Record:
    needed: int
    optional: int = 0


@pytest.mark.parametrize("value", [1.0, True, "3", None, 1])
def test_integer_refuses_other_types_and_small_ones(value):
    with pytest.raises(InvalidValueError, match=rf"^size: expected a whole number, 2 or more, found {value!r}$"):
        check_integer("size", value, 2)


@pytest.mark.parametrize("value", [0, -1, 1.5, float("nan"), float("inf"), True, "a"])
def test_number_refuses_what_is_out_of_range(value):
    with pytest.raises(InvalidValueError, match=r"^rate: expected a number above 0, 1 at most, found "):
        check_number("rate", value, above=0, high=1)


def test_number_accepts_its_ends():
    check_number("rate", 1, above=0, high=1)
    check_number("rate", 0, low=0)
    with pytest.raises(InvalidValueError, match=r"^rate: expected a number 0 or more, found -1e-09$"):
        check_number("rate", -1e-9, low=0)


def test_flag_and_choice_and_list():
    with pytest.raises(InvalidValueError, match="^on: expected true or false, found 1$"):
        check_flag("on", 1)
    with pytest.raises(InvalidValueError, match="^kind: 'appel' is not known; did you mean 'apple'"):
        check_choice("kind", "appel", ("apple", "pear"))
    with pytest.raises(InvalidValueError, match="^steps: expected a list, found 'ab'$"):
        as_tuple("steps", "ab")
    assert as_tuple("steps", [1, 2]) == (1, 2)


def test_keys_of_a_record():
    assert check_keys("record", {"needed": 1}, _Record) == {"needed": 1}
    with pytest.raises(InvalidValueError, match="^record: no setting is called 'optinal'; did you mean 'optional'"):
        check_keys("record", {"needed": 1, "optinal": 2}, _Record)
    with pytest.raises(InvalidValueError, match="^record: 'needed' is missing$"):
        check_keys("record", {}, _Record)
    with pytest.raises(InvalidValueError, match="^record: expected a table of settings, found list$"):
        check_keys("record", [1], _Record)
