import re
from pathlib import Path

import pytest

from swann._errors import MissingDataError
from swann.data._places import find_data_dir, one_line


def test_the_argument_wins_over_the_environment(monkeypatch):
    monkeypatch.setenv("SWANN_DATA_DIR", "/from/environment")
    assert find_data_dir("mnist", None) == Path("/from/environment")
    assert find_data_dir("mnist", "/given") == Path("/given")


def test_home_is_expanded(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert find_data_dir("mnist", "~/data") == Path("/home/someone/data")


@pytest.mark.parametrize("value", [None, ""])
def test_neither_is_given(monkeypatch, value):
    if value is not None:
        monkeypatch.setenv("SWANN_DATA_DIR", value)
    message = "dataset 'mnist': no folder to look in; give --data-dir (data_dir=...) or set SWANN_DATA_DIR"
    with pytest.raises(MissingDataError, match=re.escape(message)):
        find_data_dir("mnist", None)


def test_one_line():
    assert one_line(ValueError("a\n  b")) == "a b"
    assert one_line(ValueError()) == "ValueError"
