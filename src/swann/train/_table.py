"""A comparison as a table, in the shape of the paper's Table III."""

from collections.abc import Callable
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ._comparison import Comparison, Crossing
from ._statistics import Estimate


@dataclass(frozen=True)
class ComparisonGrid:
    """A comparison's table as text.

    Args:
        header: of all columns: the variant, what a row holds, and each error reached.
        groups: a list of rows for each variant, with as many cells as the header.
        notes: what stands below.
    """

    header: list[str]
    groups: list[list[list[str]]]
    notes: list[str]


def comparison_table(comparison: Comparison) -> Table:
    """Return the comparison as a rich table: a column for each error reached, the rules below."""
    grid = comparison_grid(comparison)
    table = Table(
        box=SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        caption=escape("\n".join(grid.notes)),
        caption_justify="left",
    )
    table.add_column(grid.header[1])
    for name in grid.header[2:]:
        table.add_column(escape(name), justify="right")
    for group in grid.groups:
        table.add_row(escape(group[0][0]), style="bold")
        for row in group:
            label, cells = row[1], [_on_two_lines(cell) for cell in row[2:]]
            if any("\n" in cell for cell in cells):
                label = label.replace(", ", ",\n  ")
            table.add_row(f"  {label}", *map(escape, cells), end_section=row is group[-1])
    return table


def comparison_markdown(comparison: Comparison) -> str:
    """Return the comparison as a Markdown table with its notes below."""
    grid = comparison_grid(comparison)
    lines = [_line(grid.header), _line(["---", "---", *("---:" for _ in grid.header[2:])])]
    lines += [_line(row) for group in grid.groups for row in group]
    return "\n".join([*lines, "", *(f"- {note}" for note in grid.notes), ""])


def _on_two_lines(cell: str) -> str:
    """Put the interval below its mean, so that five columns fit 80 characters: `1.50× [1.2, 1.9]` → 1.50×, 1.2–1.9."""
    mean, bracket, interval = cell.partition(" [")
    return f"{mean}\n{interval.rstrip(']').replace(', ', '–')}" if bracket else cell


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def comparison_grid(comparison: Comparison) -> ComparisonGrid:
    """Return the comparison's table as text, a column for each error reached."""
    header = ["Variant", "Test error reached"]
    header += [f"{point.error:.2%}{' ★' if point.is_final else ''}" for point in comparison.points]
    seeds = len(comparison.seeds)
    groups = []
    for variant in comparison.histories:
        crossings = [point.crossings[variant] for point in comparison.points]
        rows: list[tuple[str, Callable[[Crossing], str]]] = [
            ("iterations", lambda at: _reached(at, at.mean_iterations, seeds, ",.0f")),
            ("seconds", lambda at: _reached(at, at.mean_seconds, seeds, ",.1f")),
        ]
        if variant != comparison.baseline:
            rows += [
                ("speed-up, iterations", lambda at: _ratio(at.speed_up, seeds)),
                ("speed-up, seconds", lambda at: _ratio(at.speed_up_seconds, seeds)),
            ]
        groups.append(
            [
                [variant if number == 0 else "", name, *(cell(crossing) for crossing in crossings)]
                for number, (name, cell) in enumerate(rows)
            ]
        )
    return ComparisonGrid(header, groups, _notes(comparison))


def _notes(comparison: Comparison) -> list[str]:
    errors = "; ".join(
        f"{variant} {_with_margin(comparison.best_error(variant), '.2%')} "
        f"(at the end {_with_margin(comparison.final_error(variant), '.2%')})"
        for variant in comparison.histories
    )
    of_seeds = {"mean": "mean over its seeds", "worst": "worst of its seeds"}[comparison.over_seeds]
    return [
        f"★ is the final accuracy of {comparison.baseline}: its least test error, {of_seeds}.",
        f"Least test error of each: {errors}.",
        "(k/n): only k of n seeds reached the error; 'not reached': none did.",
        f"Seeds: {', '.join(str(seed) for seed in comparison.seeds)}. {comparison.rule}",
    ]


def _reached(crossing: Crossing, estimate: Estimate | None, seeds: int, form: str) -> str:
    if estimate is None:
        return "not reached"
    return _with_margin(estimate, form) + ("" if crossing.reached == seeds else f" ({crossing.reached}/{seeds})")


def _ratio(estimate: Estimate | None, seeds: int) -> str:
    if estimate is None:
        return "—"
    text = f"{estimate.mean:.2f}×" + ("" if estimate.count == seeds else f" ({estimate.count}/{seeds})")
    if estimate.low is not None and estimate.high is not None:
        text += f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return text


def _with_margin(estimate: Estimate, form: str) -> str:
    text = format(estimate.mean, form)
    return text if estimate.high is None else f"{text} ± {format(estimate.high - estimate.mean, form)}"
