"""What the commands print, and how."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from ..smallworld import SearchResult

_WIDTH = 120
"""Columns where there is no terminal, so that tables in a log are not squeezed."""

console = Console(width=None if sys.stdout.isatty() else _WIDTH)
"""For results."""

notes = Console(stderr=True)
"""For progress and remarks; a pipe does not see them."""


@contextmanager
def progress_bar(title: str, unit: str = "") -> Iterator[Callable[[int, int, str], None]]:
    """Show a progress bar while the block runs, in a terminal only; yield what moves it: `(done, total, remark)`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    with Progress(*columns, console=notes, transient=True, disable=not notes.is_terminal) as bar:
        task = bar.add_task(title, total=None, remark="")

        def move(done: int, total: int, remark: str = "") -> None:
            bar.update(task, completed=done, total=total, remark=remark)

        yield move


def search_table(result: SearchResult) -> Table:
    """Return a search as a table: means over the seeds, with the standard deviation of S."""
    table = Table(
        title="Small-worldness against the rewiring probability",
        caption=(
            f"means over {len(result.seeds)} seeds; random graphs: C = {result.reference.clustering:.4f}, "
            f"L = {result.reference.path_length:.4f}; ★ is the p of the largest S"
            + (
                f", which cannot be told from p = {', '.join(f'{p:g}' for p in result.indistinguishable)}"
                if len(result.indistinguishable) > 1
                else ""
            )
        ),
    )
    for name in ("p", "C", "L", "γ", "λ", "S", "±"):
        table.add_column(name, justify="right")
    gamma, lambda_, S = result.gamma, result.lambda_, result.S
    for row, p in enumerate(result.probabilities):
        spread = S[row].std(ddof=1) if len(result.seeds) > 1 else 0.0
        table.add_row(
            f"{p:g}{' ★' if p == result.best_p else ''}",
            f"{sum(result.clustering[row]) / len(result.seeds):.4f}",
            f"{sum(result.path_length[row]) / len(result.seeds):.4f}",
            f"{gamma[row].mean():.3f}",
            f"{lambda_[row].mean():.3f}",
            f"{S[row].mean():.3f}",
            f"{spread:.3f}",
            style="bold" if p == result.best_p else "",
        )
    return table
