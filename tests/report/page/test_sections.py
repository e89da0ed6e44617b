import json

import pytest

from swann import FileFormatError
from swann.report.page._run_files import read_run
from swann.report.page._sections import missing, sections


def test_parts_come_in_order_and_what_lacks_is_told(make, plan, found):
    files = {"search.json": found.to_json(), "plan.json": json.dumps(plan.to_json())}
    parts = sections(read_run(make("run", files, command="convert")), 80)
    titles = ["Small-worldness", "Architecture", "Costs", "Settings", "Environment and command"]
    assert [part.title for part in parts] == titles
    assert missing(parts) == ("Convergence (train and compare write it)", "Bench (bench writes it)")


def test_a_damaged_result_names_its_directory(make):
    run = read_run(make("run", {"bench.json": "{}"}, command="bench"))
    with pytest.raises(FileFormatError, match=r"run: not a result of bench: KeyError: 'cases'"):
        sections(run, 80)
