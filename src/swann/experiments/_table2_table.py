"""The measured Table II as text."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ._environment import environment_lines
from ._table2 import PAPER, Figures, Reading, Row, Table2

_HEADER = ("Graph", "Linear", "Draw", "p", "γ λ S, paper", "γ λ S, ours", "our p (range)", "γ λ S there", "Seeds")
_READING_HEADER = ("Linear", "Draw", "AlexNet", "DenseNet", "S off at paper's p", "largest S off", "p off", "sum")
_LEFT = ("Graph", "Linear", "Draw", "AlexNet", "DenseNet")
NOTES = (
    "p, and γ λ S beside it: at the paper's p; then the p of our largest S, with the range of p that cannot be told "
    "from it, and γ λ S there. No node is repaired. ~: p found by the closed form, figures exact.",
    "Linear: whether the linear layers are part of the graph. Draw: new ends drawn over all free nodes, or over layers "
    "first, then nodes.",
)
READING_NOTES = (
    "Off: mean distance from the paper's figure over the five networks; readings are ranked by the sum of the first "
    "and the third. Of DenseNet-40's blocks the one nearest to the paper's S counts.",
)


def table2_tables(table: Table2) -> tuple[Table, Table]:
    """Return the figures of all graphs and the ranked readings as rich tables."""
    style: dict[str, Any] = {"box": SIMPLE_HEAD, "padding": (0, 1, 0, 0), "caption_justify": "left"}
    figures = Table(title="Table II: small-world figures", caption="\n".join(NOTES), **style)
    for name in _HEADER:
        figures.add_column(name, justify="left" if name in _LEFT else "right", no_wrap=True)
    for section in _sections(table):
        for cells in section:
            figures.add_row(*map(escape, cells), end_section=cells is section[-1])
    readings = Table(title="Readings of the paper", caption="\n".join(READING_NOTES), **style)
    for name in _READING_HEADER:
        readings.add_column(name, justify="left" if name in _LEFT else "right")
    for number, reading in enumerate(table.readings):
        readings.add_row(*map(escape, _reading_cells(reading)), style="bold" if number == 0 else "")
    return figures, readings


def table2_markdown(table: Table2, environment: Mapping[str, Any]) -> str:
    """Return the table as a Markdown page, with what it was measured with.

    Args:
        table: of `reproduce_table2`.
        environment: of `environment`.
    """
    lines = ["# Table II of the paper, measured", "", *environment_lines(environment)]
    lines += [f"- Seeds: from {table.seed}, as many as each row says", ""]
    lines += [table2_verdict(table), "", "## Figures", "", _line(_HEADER), _rule(_HEADER)]
    lines += [_line(cells) for section in _sections(table) for cells in section]
    lines += ["", *(f"- {note}" for note in NOTES), "", "## Readings", "", _line(_READING_HEADER)]
    lines += [_rule(_READING_HEADER), *(_line(_reading_cells(reading)) for reading in table.readings)]
    return "\n".join([*lines, "", *(f"- {note}" for note in READING_NOTES), ""])


def table2_verdict(table: Table2) -> str:
    """Return which reading fits the paper best, and how well, in a few sentences."""
    best = table.readings[0]
    text = (
        f"The reading that fits best: linear layers {'counted' if best.linear else 'left out'}, new ends drawn over "
        f"{best.draw}, AlexNet with {_variant(best, 'AlexNet')}, DenseNet-40's {_variant(best, 'DenseNet-40')}. "
        f"S at the paper's p is off by {best.S_error:.2f} on average, the p of the largest S by {best.p_error:.2f}."
    )
    if not best.misfits:
        return f"{text} It fits: every S is within 0.05 of the paper's."
    far = "; ".join(
        f"{row.case.network} has S {row.at_paper.S:.2f} against {PAPER[row.case.network].S:.2f}" for row in best.misfits
    )
    others = [reading for reading in table.readings if not reading.misfits]
    if others:
        return f"{text} It does not fit well: {far}. {len(others)} other readings have every S within 0.05."
    least = min(table.readings, key=lambda reading: reading.S_error)
    nearest = f"; even the one nearest in S alone is off by {least.S_error:.2f} on average" if least != best else ""
    return f"{text} It does not fit well: {far}. No reading has every S within 0.05 of the paper's{nearest}."


def _variant(reading: Reading, network: str) -> str:
    return next(row.case.variant for row in reading.rows if row.case.network == network)


def _sections(table: Table2) -> Iterator[list[tuple[str, ...]]]:
    for _, rows in groupby(table.rows, key=lambda row: (row.case.network, row.case.variant)):
        yield [_cells(row) for row in rows]


def _cells(row: Row) -> tuple[str, ...]:
    paper = PAPER[row.case.network]
    low, high = row.best_range
    return (
        f"{row.case.network} {row.case.variant}".strip(),
        _yes(row.case.linear),
        row.draw,
        f"{paper.p:.2f}",
        _triple(paper),
        _triple(row.at_paper),
        f"{'' if row.swept else '~'}{row.at_best.p:.2f} ({low:.2f}–{high:.2f})",
        _triple(row.at_best),
        str(row.at_paper.n_seeds),
    )


def _triple(figures: Figures) -> str:
    return f"{figures.gamma:.2f} {figures.lambda_:.2f} {figures.S:.2f}"


def _yes(linear: bool | None) -> str:
    return {True: "in", False: "out", None: "none"}[linear]


def _reading_cells(reading: Reading) -> tuple[str, ...]:
    off = (reading.S_error, reading.best_S_error, reading.p_error, reading.distance)
    variants = (_variant(reading, "AlexNet"), _variant(reading, "DenseNet-40"))
    return (_yes(reading.linear), reading.draw, *variants, *(f"{value:.2f}" for value in off))


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(header: tuple[str, ...]) -> str:
    return _line(tuple("---" if name in _LEFT else "---:" for name in header))
