import io

import pytest
from rich.console import Console

from swann.train import compare, comparison_markdown, comparison_table


@pytest.fixture
def comparison(make_history):
    plain = [make_history(0.5, 0.4, 0.2, seed=0), make_history(0.5, 0.4, 0.2, seed=1)]
    twin = [make_history(0.5, 0.2, seed=0), make_history(0.4, 0.3, seed=1)]
    return compare({"plain": plain, "twin [b]": twin, "slow|er": [plain[0], twin[1]]}, "plain")


def test_markdown_by_hand(comparison):
    lines = comparison_markdown(comparison).splitlines()
    assert lines[:7] == [
        "| Variant | Test error reached | 50.00% | 40.00% | 20.00% ★ |",
        "| --- | --- | ---: | ---: | ---: |",
        "| plain | iterations | 100 ± 0 | 200 ± 0 | 300 ± 0 |",
        "|  | seconds | 1.0 ± 0.0 | 2.0 ± 0.0 | 3.0 ± 0.0 |",
        "| twin [b] | iterations | 100 ± 0 | 150 ± 635 | 200 (1/2) |",
        "|  | seconds | 1.0 ± 0.0 | 1.5 ± 6.4 | 2.0 (1/2) |",
        "|  | speed-up, iterations | 1.00× [1.00, 1.00] | 1.41× [0.02, 115.61] | 1.50× (1/2) |",
    ]
    assert lines[8].startswith("| slow\\|er | iterations |")
    assert "- ★ is the final accuracy of plain: its least test error, mean over its seeds." in lines
    assert any(line.startswith("- Seeds: 0, 1. A run reaches an error at its first evaluation") for line in lines)


def test_every_row_has_as_many_cells_as_the_header(comparison):
    table = [line for line in comparison_markdown(comparison).splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in table} == {6}
    assert len(table) == 2 + 2 + 4 + 4


def test_a_point_that_is_never_reached_is_said_to_be_so(make_history):
    found = compare({"plain": [make_history(0.5, 0.1)], "twin": [make_history(0.5, 0.2)]}, "plain")
    assert "| twin | iterations | 100 | not reached |" in comparison_markdown(found)
    assert "|  | speed-up, iterations | 1.00× | — |" in comparison_markdown(found)


def test_the_rich_table_shows_the_same_cells(comparison):
    file = io.StringIO()
    Console(file=file, width=200).print(comparison_table(comparison))
    text = file.getvalue()
    for cell in ("twin [b]", "20.00% ★", "200 (1/2)", "1.50× (1/2)", "Seeds: 0, 1."):
        assert cell in text
