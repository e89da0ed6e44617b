import json

import pytest

from swann.experiments import MARKER, Table2, _table2
from swann.experiments._table2 import Case


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Put small graphs in the place of the table's."""
    names = [("MNIST-5", ""), ("ConvNet-C", ""), ("AlexNet", "1 group"), ("AlexNet", "2 groups"), ("ResNet-18", "")]
    sizes, groups = (3, 6, 6, 6, 6), (1,) * 4
    cases = [Case(*name, linear, sizes, groups) for name in names for linear in (True, False)]
    cases.append(Case("DenseNet-40", "block 1", None, sizes, groups))
    monkeypatch.setattr(_table2, "table2_cases", lambda: tuple(cases))
    monkeypatch.setattr(_table2, "_GRID", (0.5, 1.0))


def test_the_table_is_printed_and_written(run, tmp_path):
    code, out, err = run("reproduce", "table2", "--seeds", 1, "--out", "results")
    assert code == 0
    assert "Table II: small-world figures" in out
    assert "The reading that fits best:" in out
    assert err == "written to results: table2.json, table2.md\n"
    assert {file.name for file in (tmp_path / "results").iterdir()} == {MARKER, "table2.json", "table2.md"}
    table = Table2.from_json((tmp_path / "results" / "table2.json").read_text())
    assert len(table.rows) == 22
    page = (tmp_path / "results" / "table2.md").read_text()
    assert "- Command: `swann reproduce table2 --seeds 1 --out results`" in page


def test_json_is_for_scripts(run):
    code, out, _ = run("reproduce", "table2", "--seeds", 1, "--seed", 4, "--json")
    values = json.loads(out)
    assert code == 0
    assert (values["seed"], values["n_seeds"], len(values["readings"])) == (4, 1, 8)


def test_another_name_is_refused_with_near_matches(refused):
    line = refused("reproduce", "tabel2", "--out", "results")
    assert line.startswith("swann: cannot reproduce 'tabel2': did you mean 'table2' or 'table7'? Known: fig10, ")


def test_a_directory_that_is_not_ours_is_left_alone(refused, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    assert "exists and was not made by swann" in refused("reproduce", "table2", "--out", tmp_path)
