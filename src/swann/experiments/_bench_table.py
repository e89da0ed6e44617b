"""What `bench` measured as a table: a group of rows for each case, a row for each network."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ._bench_result import Bench, Case, PeakMemory, Spread
from ._environment import environment_lines

_HEADER = ("network", "median", "quartiles", "ratio", "quartiles")
_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True)
class _Group:
    """The rows of one case.

    Args:
        label: the case in words.
        rows: a name and four cells for each network.
        rival: the name of the network to which ratios refer.
    """

    label: str
    rows: list[list[str]]
    rival: str


def bench_table(bench: Bench) -> Table:
    """Return the result as a rich table of at most 80 columns."""
    table = Table(
        title=escape(bench.name),
        box=SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        caption=escape("\n".join(_notes(bench))),
        caption_justify="left",
    )
    table.add_column(_HEADER[0])
    for name in _HEADER[1:]:
        table.add_column(name, justify="right")
    for group in _groups(bench):
        table.add_row(escape(group.label), style="bold")
        for row in group.rows:
            star = "★" if row[0] == group.rival else " "
            table.add_row(f"{star} {escape(row[0])}", *row[1:], end_section=row is group.rows[-1])
    return table


def bench_markdown(bench: Bench, environment: Mapping[str, Any]) -> str:
    """Return the result as a Markdown page: what it was measured with, a table, its notes below.

    Args:
        bench: of `bench`.
        environment: of `environment`.
    """
    return "\n".join([f"# {bench.name}", "", *environment_lines(environment), "", bench_figures(bench)])


def bench_figures(bench: Bench) -> str:
    """Return the result as a Markdown table with its notes below."""
    lines = [_line(["case", *_HEADER]), _line(["---", "---", *("---:" for _ in _HEADER[1:])])]
    for group in _groups(bench):
        for number, row in enumerate(group.rows):
            star = " ★" if row[0] == group.rival else ""
            lines.append(_line([group.label if number == 0 else "", row[0] + star, *row[1:]]))
    notes = [f"- {note}" for note in _notes(bench)]
    return "\n".join([*lines, "", *notes, ""])


def _groups(bench: Bench) -> list[_Group]:
    groups = [_Group(case.label, [_time_row(case, name) for name in case.seconds], case.rival) for case in bench.cases]
    memory = bench.memory
    if memory is not None:
        label = f"peak memory of a training step, batch {memory.batch}"
        groups.append(_Group(label, [_memory_row(memory, name) for name in memory.bytes], memory.rival))
    return groups


def _time_row(case: Case, name: str) -> list[str]:
    times, ratios = case.times(name), case.ratios(name)
    median, quartiles = _with_unit(times, _SECONDS)
    row = [name, median, quartiles, f"{ratios.median:.2f}×"]
    return [*row, "" if name == case.rival else f"{ratios.lower:.2f}–{ratios.upper:.2f}"]


def _memory_row(memory: PeakMemory, name: str) -> list[str]:
    held = float(memory.bytes[name])
    return [name, _with_unit(Spread(held, held, held), _BYTES)[0], "", f"{memory.ratio(name):.2f}×", ""]


def _notes(bench: Bench) -> list[str]:
    rounds = len(next(iter(bench.cases[0].seconds.values()))) if bench.cases else 0
    notes = [
        f"★: the best form of the baseline, to which ratios refer, round by round ({rounds} rounds in turn).",
        f"The twin does {bench.multiplications:.2f} times the baseline's multiplications.",
    ]
    return notes + [f"Left out: {name}: {reason}" for name, reason in bench.left_out.items()]


def _with_unit(values: Spread, units: tuple[tuple[float, str], ...]) -> tuple[str, str]:
    """Return a median with its unit, and the quartiles in the same unit without it."""
    size, unit = next((pair for pair in units if values.median >= pair[0]), units[-1])
    lower, median, upper = (three_digits(value / size) for value in (values.lower, values.median, values.upper))
    return f"{median} {unit}", f"{lower}–{upper}"


def three_digits(value: float) -> str:
    """Return a number with three significant digits, and all that stand before the point.

    >>> [three_digits(value) for value in (1234.5, 12.345, 0.012345, 0.0)]
    ['1234', '12.3', '0.0123', '0']
    """
    if value <= 0:
        return f"{value:g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
