import json

import pytest

from swann import FileFormatError
from swann.report.page._bench import bench_section


def test_the_table_is_that_of_the_result(bench_result):
    section = bench_section(json.loads(bench_result.to_json()))
    table = section.tables[0]
    assert [group.label for group in table.groups] == [
        "inference, batch 1, 1 thread",
        "training step, batch 32, 2 threads",
        "peak memory of a training step, batch 32",
    ]
    case = bench_result.cases[0]
    for row in table.groups[0].rows:
        name = row[0].removesuffix(" ★")
        assert (name == case.rival) == row[0].endswith("★")
        assert row[3] == f"{case.ratios(name).median:.2f}×"
    assert table.groups[0].rows[3] == ("twin sparse", "6 ms", "5.5–6.5", "0.55×", "0.52–0.56")
    assert table.groups[2].rows == (
        ("baseline ★", "4 MB", "—", "1.00×", "—"),
        ("twin sparse", "3 MB", "—", "0.75×", "—"),
    )
    assert table.notes[1:] == (
        "The twin does 0.40 times the baseline's multiplications.",
        "Left out: baseline compiled: no compiler",
    )


def test_a_panel_for_each_task_with_a_label_for_each_bar(bench_result):
    panels = bench_section(json.loads(bench_result.to_json())).figures[0].panels
    assert [panel.name for panel in panels] == ["inference", "training-step", "peak-memory"]
    assert [len(panel.labels) for panel in panels] == [4, 4, 2]
    assert panels[2].labels["bar-1"] == [
        "peak memory of a training step, batch 32: twin sparse: 3 MB, 0.75 times the best baseline"
    ]


@pytest.mark.parametrize("missing", ["cases", "multiplications", "left_out", "name", "memory"])
def test_a_result_without_a_part_is_refused(bench_result, missing):
    values = json.loads(bench_result.to_json())
    del values[missing]
    with pytest.raises(FileFormatError, match=f"not a result of bench: KeyError: '{missing}'"):
        bench_section(values)
