import json
from dataclasses import replace

import pytest

from swann._errors import FileFormatError, InvalidValueError
from swann.experiments import Table2, _table2, reproduce_table2
from swann.experiments._table2 import PAPER, Case, Figures, Row, table2_cases
from swann.graph import LayerGraph
from swann.smallworld import search


def _row(network, variant="", linear=True, draw="nodes", S=1.0, best_p=0.5):
    figures = Figures(0.5, S, 1.0, S, 0.01, 5)
    case = Case(network, variant, linear, (3, 8, 8), (1, 1))
    return Row(case, draw, 19, 88, figures, replace(figures, p=best_p), (0.4, 0.6), True)


def _table(change=None):
    """All rows of the table with S = 1 and p = 0.5, but for those that `change` gives other values."""
    rows = []
    for draw in ("nodes", "layers"):
        for linear in (True, False):
            names = [("MNIST-5", ""), ("ConvNet-C", ""), ("AlexNet", "1 group"), ("AlexNet", "2 groups")]
            rows += [_row(network, variant, linear, draw) for network, variant in [*names, ("ResNet-18", "")]]
        rows += [_row("DenseNet-40", block, None, draw, S) for block, S in (("block 1", 1.3), ("block 2", 1.2))]
    return Table2(tuple(map(change, rows) if change else rows), 0, 5)


def test_sizes_and_groups_come_from_the_models():
    cases = {(case.network, case.variant, case.linear): case for case in table2_cases()}
    assert len(cases) == 13
    assert cases["MNIST-5", "", True].sizes == (1, 6, 16, 120, 84, 10)
    assert cases["MNIST-5", "", False].sizes == (1, 6, 16, 120)
    assert LayerGraph.chain(cases["ConvNet-C", "", False].sizes).n_nodes == 4227
    alexnet = cases["AlexNet", "2 groups", True]
    assert alexnet.sizes == (3, 96, 256, 384, 384, 256, 4096, 4096, 1000)
    assert alexnet.groups == (1, 2, 1, 2, 2, 1, 1, 1)
    assert cases["AlexNet", "1 group", False].groups == (1,) * 5
    assert len(cases["ResNet-18", "", True].sizes) == 19
    # 97,848 weights in the rewired network's 3×3 convolutions (Table IV), 648 of them before the blocks
    blocks = [LayerGraph.chain(cases["DenseNet-40", f"block {number}", None].sizes) for number in (1, 2, 3)]
    assert 648 + 9 * sum(block.n_edges for block in blocks) == 97_848


@pytest.fixture
def small(monkeypatch):
    cases = (
        Case("DenseNet-40", "block 1", None, (6, 4, 4, 4, 4, 4), (1,) * 5),
        Case("ResNet-18", "", True, (3, *[30] * 6), (1,) * 6),
    )
    monkeypatch.setattr(_table2, "table2_cases", lambda: cases)
    monkeypatch.setattr(_table2, "_MOST_NODES_OF_SWEEP", 100)


def test_small_graphs_are_swept_and_large_ones_located_by_the_closed_form(small):
    seen = []
    table = reproduce_table2(n_seeds=2, seed=3, on_progress=lambda *progress: seen.append(progress))
    assert [(row.case.network, row.draw, row.swept) for row in table.rows] == [
        ("DenseNet-40", "nodes", True),
        ("DenseNet-40", "layers", True),
        ("ResNet-18", "nodes", False),
        ("ResNet-18", "layers", False),
    ]
    assert seen[0] == (0, 4, "DenseNet-40 block 1")
    assert seen[-1] == (4, 4, "")
    assert [row.at_paper.n_seeds for row in table.rows] == [20, 20, 2, 2]
    for row in table.rows:
        assert row.at_paper.p == PAPER[row.case.network].p
        assert row.best_range[0] <= row.at_best.p <= row.best_range[1]
    assert reproduce_table2(n_seeds=2, seed=3) == table


def test_the_figures_are_those_of_a_search(small):
    row = reproduce_table2(n_seeds=2).rows[3]
    found = search(
        LayerGraph.chain(row.case.sizes), probabilities=(0.83,), n_seeds=2, n_references=2, draw="layers", repair=False
    )
    assert abs(row.at_paper.S - found.S.mean()) < 1e-9
    assert row.at_paper.gamma == pytest.approx(found.gamma.mean())
    curve = search(LayerGraph.chain(row.case.sizes), n_seeds=2, n_references=2, draw="layers", repair=False)
    assert abs(row.at_best.S / curve.best_S - 1) < 0.05


def test_graphs_of_very_many_edges_have_one_seed(small, monkeypatch):
    monkeypatch.setattr(_table2, "_MOST_EDGES_OF_SEVERAL_SEEDS", 1000)
    row = reproduce_table2(n_seeds=2).rows[2]
    assert (row.at_paper.n_seeds, row.at_paper.S_std) == (1, None)


def test_no_seed_is_refused():
    with pytest.raises(InvalidValueError, match=r"n_seeds must be at least 1, got 0"):
        reproduce_table2(n_seeds=0)


def test_readings_are_ranked_by_their_distance_from_the_paper():
    def change(row):
        paper = PAPER[row.case.network]
        fits = row.case.linear in (False, None) and row.draw == "layers" and row.case.variant != "1 group"
        at_best = replace(row.at_best, p=paper.p, S=paper.S)
        return replace(row, at_paper=replace(row.at_paper, S=paper.S), at_best=at_best) if fits else row

    table = _table(change)
    best, second = table.readings[:2]
    assert (best.linear, best.draw, best.groups) == (False, "layers", 2)
    assert (best.S_error, best.best_S_error, best.p_error, best.misfits) == (0, 0, 0, ())
    assert (second.linear, second.draw, second.groups) == (False, "layers", 1)
    assert second.S_error == pytest.approx(0.48 / 5)
    assert second.p_error == pytest.approx(0.30 / 5)
    assert [row.case.network for row in second.misfits] == ["AlexNet"]
    assert len(table.readings) == 8


def test_of_the_dense_blocks_the_nearest_one_counts():
    for reading in _table().readings:
        assert [row.case.variant for row in reading.rows] == [
            "",
            "",
            f"{reading.groups} group" + "s" * (reading.groups > 1),
            "",
            "block 2",
        ]
        assert reading.S_error == pytest.approx((0.09 + 0.19 + 0.48 + 0.06 + 0.01) / 5)


def test_json_round_trip():
    table = _table()
    text = table.to_json()
    assert Table2.from_json(text) == table
    values = json.loads(text)
    assert values["paper"]["AlexNet"]["gamma"] == 1.48
    assert values["readings"][0]["densenet"] == "block 2"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"rows": [{}], "seed": 0, "n_seeds": 1}'])
def test_what_is_no_table_is_refused(text):
    with pytest.raises(FileFormatError, match="not a measured Table II"):
        Table2.from_json(text)
