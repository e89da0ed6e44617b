import pytest

from swann import FileFormatError
from swann.report.page._sweep import sweep_section

VALUES = {
    "target_error": 0.02,
    "points": [
        {"p": 0.0, "S": 0.5, "iterations": {"mean": 1000.0, "low": 900.0, "high": 1100.0, "count": 3},
         "rate": {"mean": 1.0, "low": 0.9, "high": 1.1, "count": 3}, "reached": 3, "n_seeds": 3},
        {"p": 0.5, "S": 1.5, "iterations": {"mean": 500.0, "low": None, "high": None, "count": 1},
         "rate": {"mean": 2.0, "low": None, "high": None, "count": 1}, "reached": 1, "n_seeds": 3},
        {"p": 1.0, "S": 1.0, "iterations": None, "rate": None, "reached": 0, "n_seeds": 3},
    ],
}  # fmt: skip


def test_rates_are_shown_with_their_intervals():
    section = sweep_section(VALUES)
    assert section.tables[0].groups[0].rows == (
        ("0", "0.500", "1,000 [900, 1,100]", "1.00 [0.90, 1.10]", "3 of 3"),
        ("0.5", "1.500", "500", "2.00", "1 of 3"),
        ("1", "1.000", "not reached", "not reached", "0 of 3"),
    )
    labels = section.figures[0].panels[0].labels
    assert labels["series-0"][0] == "p = 0: 1.00 times as fast (0.90 to 1.10)"
    assert len(labels["series-0"]) == 2


@pytest.mark.parametrize("values", [{}, {"target_error": 0.1, "points": []}, {"target_error": 0.1, "points": [{}]}])
def test_what_is_no_sweep_is_refused(values):
    with pytest.raises(FileFormatError, match="not a sweep over p: "):
        sweep_section(values)
