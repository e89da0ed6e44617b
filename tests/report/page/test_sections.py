import json

import pytest

from swann import FileFormatError
from swann.report import write_report
from swann.report.page._run_files import read_run
from swann.report.page._sections import missing, sections


def test_parts_come_in_order_and_what_lacks_is_told(make, plan, found):
    files = {"search.json": found.to_json(), "plan.json": json.dumps(plan.to_json())}
    parts = sections(read_run(make("run", files, command="convert")), 80)
    titles = ["Small-worldness", "Architecture", "Costs", "Settings", "Environment and command"]
    assert [part.title for part in parts] == titles
    assert missing(parts) == ("Convergence (train, compare, study and reproduce write it)", "Bench (bench writes it)")


def test_each_block_of_a_dense_net_has_parts_of_its_own(make, dense_net_plan, found):
    files = {"plan.json": json.dumps(dense_net_plan.to_json())}
    files |= {f"search-block-{number}.json": found.to_json() for number in (1, 2, 3)}
    folder = make("run", files, command="convert")
    parts = sections(read_run(folder), 80)
    titles = [
        f"{title} of block {number}" for title in ("Small-worldness", "Architecture", "Costs") for number in (1, 2, 3)
    ]
    assert [part.title for part in parts] == [*titles, "Settings", "Environment and command"]
    assert missing(parts) == ("Convergence (train, compare, study and reproduce write it)", "Bench (bench writes it)")
    names = [figure.file_name for part in parts for figure in part.figures]
    assert len(names) == len(set(names))
    n_files = len(names) + 2 * sum(len(figure.panels) for part in parts for figure in part.figures)
    assert write_report([folder], folder / "report.html").n_files == n_files


def test_a_study_has_its_effects_and_curves(every_kind):
    parts = sections(read_run(next(folder for folder in every_kind if folder.name == "study")), 80)
    assert [part.title for part in parts] == ["Study", "Convergence", "Settings", "Environment and command"]
    assert [entry.label for entry in parts[1].figures[0].legend] == ["control", "p = 0.6", "no repair"]


def test_a_damaged_result_names_its_directory(make):
    run = read_run(make("run", {"bench.json": "{}"}, command="bench"))
    with pytest.raises(FileFormatError, match=r"run: not a result of bench: KeyError: 'cases'"):
        sections(run, 80)
