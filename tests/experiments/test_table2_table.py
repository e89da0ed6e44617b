import io
from dataclasses import replace

from rich.console import Console

from swann.experiments import Table2, table2_markdown, table2_tables, table2_verdict
from swann.experiments._table2 import PAPER, Case, Figures, Row

ENVIRONMENT = {
    "command": "swann reproduce table2",
    "commit": "abc",
    "date": "2026-01-01",
    "machine": {"processor": "a processor", "cores": 2},
    "versions": {"python": "3.11", "torchvision": None},
}


def _table(S=None):
    """The table with every S that of the paper, or `S`."""
    rows = []
    for draw in ("nodes", "layers"):
        for network, paper in PAPER.items():
            variants = {"AlexNet": ("1 group", "2 groups"), "DenseNet-40": ("block 1", "block 2")}.get(network, ("",))
            for variant in variants:
                for linear in (None,) if network == "DenseNet-40" else (True, False):
                    case = Case(network, variant, linear, (3, 8, 8), (1, 1))
                    value = paper.S if S is None else S
                    figures = Figures(paper.p, value, 1.0, value, 0.01, 5)
                    swept = network == "MNIST-5"
                    rows.append(Row(case, draw, 19, 88, figures, figures, (0.4, 0.9), swept))
    return Table2(tuple(rows), 3, 5)


def test_tables_fit_120_columns_and_are_not_cut():
    console = Console(width=120, record=True, file=io.StringIO())
    for part in table2_tables(_table()):
        console.print(part)
    text = console.export_text()
    assert "…" not in text
    row = next(line for line in text.splitlines() if "DenseNet-40 block 2" in line)
    expected = "DenseNet-40 block 2 none nodes 0.92 1.20 1.01 1.19 1.19 1.00 1.19 ~0.92 (0.40–0.90) 1.19 1.00 1.19 5"
    assert " ".join(row.split()) == expected


def test_markdown_says_what_it_was_measured_with():
    lines = table2_markdown(_table(), ENVIRONMENT).splitlines()
    assert "- Command: `swann reproduce table2`" in lines
    assert "- Machine: a processor, 2 cores" in lines
    assert "- Versions: python 3.11" in lines
    assert "- Seeds: from 3, as many as each row says" in lines
    cells = "| MNIST-5 | in | nodes | 0.45 | 1.09 0.99 1.09 | 1.09 1.00 1.09 | 0.45 (0.40–0.90) | 1.09 1.00 1.09 | 5 |"
    assert cells in lines
    assert len({line.count("|") for line in lines if line.startswith(("| MNIST", "| Graph", "| AlexNet"))}) == 1


def test_the_verdict_on_a_good_fit():
    assert table2_verdict(_table()).endswith("It fits: every S is within 0.05 of the paper's.")


def test_the_verdict_on_a_bad_fit_names_the_misfits():
    text = table2_verdict(_table(S=1.1))
    assert "It does not fit well: ConvNet-C has S 1.10 against 1.19; AlexNet has S 1.10 against 1.48; DenseNet" in text
    assert "MNIST-5 has" not in text
    assert text.endswith("No reading has every S within 0.05 of the paper's.")


def test_the_verdict_names_the_distance_of_a_reading_that_is_nearer_in_S_alone():
    def change(row):
        near = row.draw == "layers"
        return replace(
            row,
            at_paper=replace(row.at_paper, S=row.at_paper.S + (0.1 if near else 0.2)),
            at_best=replace(row.at_best, p=row.at_best.p - (0.5 if near else 0)),
        )

    table = _table()
    text = table2_verdict(replace(table, rows=tuple(map(change, table.rows))))
    assert "new ends drawn over nodes" in text
    assert text.endswith("even the one nearest in S alone is off by 0.10 on average.")
