import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import FileFormatError, InvalidValueError
from swann.experiments import Bench, Case, PeakMemory, Spread, spread

CASE = Case("inference", 8, 1, {"plain": (2.0, 4.0, 6.0), "last": (1.0, 2.0, 4.0)}, {"sparse": (0.5, 4.0, 1.0)})
MEMORY = PeakMemory(8, 1, {"plain": 300, "last": 200}, {"sparse": 100})
BENCH = Bench("net", (CASE,), MEMORY, 0.4, {"compiled": "no compiler"})


@given(st.lists(st.floats(1e-6, 1e3), min_size=1))
def test_quartiles_are_in_order_and_within_the_values(values):
    found = spread(values)
    assert min(values) <= found.lower <= found.median <= found.upper <= max(values)


def test_no_value_has_no_quartiles():
    with pytest.raises(InvalidValueError, match="expected one value or more, found none"):
        spread([])


def test_ratios_are_taken_round_by_round_to_the_best_baseline():
    assert CASE.rival == "last"
    assert CASE.ratios("sparse") == spread([0.5, 2.0, 0.25])
    assert CASE.ratios("plain") == spread([2.0, 2.0, 1.5])
    assert CASE.ratios("last") == Spread(1.0, 1.0, 1.0)
    assert (MEMORY.rival, MEMORY.ratio("sparse"), MEMORY.ratio("plain")) == ("last", 0.5, 1.5)


def test_a_result_comes_back_from_json():
    assert Bench.from_json(BENCH.to_json()) == BENCH
    without_memory = Bench("net", (CASE,), None, 0.4, {})
    assert Bench.from_json(without_memory.to_json()) == without_memory


def test_the_json_says_what_follows_from_the_samples():
    (case,) = json.loads(BENCH.to_json())["cases"]
    assert case["rival"] == "last"
    assert case["ratios"]["sparse"]["median"] == 0.5
    assert case["quartiles"]["plain"]["median"] == 4.0


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"memory": 1}', BENCH.to_json().replace("inference", "sleep")])
def test_what_is_no_result_is_refused(text):
    with pytest.raises(FileFormatError, match="not a result of bench"):
        Bench.from_json(text)


@pytest.mark.parametrize(
    ("baselines", "twins", "message"),
    [
        ({}, {"sparse": (1.0,)}, "there is no baseline"),
        ({"plain": (1.0,)}, {"sparse": (1.0, 2.0)}, "expected as many rounds of each network"),
        ({"plain": (0.0,)}, {}, "expected seconds above 0"),
    ],
)
def test_samples_that_make_no_case_are_refused(baselines, twins, message):
    with pytest.raises(InvalidValueError, match=f"inference, batch 8, 2 threads: {message}"):
        Case("inference", 8, 2, baselines, twins)
