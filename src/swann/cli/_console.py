"""What the commands print, and how."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from .._errors import MissingExtraError

if TYPE_CHECKING:
    from ..smallworld import SearchResult

_SECONDS = 10.0
"""Between two lines on progress where there is no terminal."""
_WIDTH = 120
"""Columns where there is no terminal, so that tables in a log are not squeezed."""

console = Console(width=None if sys.stdout.isatty() else _WIDTH)
"""For results."""

notes = Console(stderr=True)
"""For progress and remarks; a pipe does not see them."""


def show(text: str) -> None:
    """Print plain text as a result."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """Print a remark on stderr, in one line."""
    notes.print(text, markup=False, highlight=False, soft_wrap=True)


class _Remark(ProgressColumn):
    """The remark beside a progress bar, cut where the terminal is too narrow."""

    def render(self, task: Task) -> Text:
        return Text(task.fields["remark"], no_wrap=True, overflow="ellipsis")


@contextmanager
def progress_bar(title: str, unit: str = "") -> Iterator[Callable[[int, int, str], None]]:
    """Show progress while the block runs; yield what moves it: `(done, total, remark)`.

    In a terminal it is a bar; elsewhere a line every ten seconds, of longer work every tenth of the time so far.
    """
    if not notes.is_terminal:
        yield _lines(title, unit)
        return
    whole = partial(Column, no_wrap=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20, table_column=whole()),
        MofNCompleteColumn(table_column=whole()),
        TextColumn(unit),
        TimeRemainingColumn(elapsed_when_finished=True, table_column=whole()),
        _Remark(),
    )
    with Progress(*columns, console=notes, transient=True) as bar:
        task = bar.add_task(escape(title), total=None, remark="")

        def move(done: int, total: int, remark: str = "") -> None:
            bar.update(task, completed=done, total=total, remark=remark)

        yield move


def _lines(title: str, unit: str) -> Callable[[int, int, str], None]:
    """Return what says in lines how far work is."""
    start = time.monotonic()
    following = start + _SECONDS

    def move(done: int, total: int, remark: str = "") -> None:
        nonlocal following
        now = time.monotonic()
        if now < following:
            return
        following = now + max(_SECONDS, (now - start) / 10)
        note(f"{title}: {done:,} of {total:,} {unit} in {now - start:.0f} s{remark and ', '}{remark}")

    return move


def draw_picture(picture: Callable[[Path], None], path: Path) -> None:
    """Draw a picture; without matplotlib it is left out, and a remark says so."""
    try:
        picture(path)
    except MissingExtraError as error:
        note(f"{path.name} is left out: {error}")


def search_table(result: "SearchResult") -> Table:
    """Return a search as a table: means over the seeds, with the standard deviation of S."""
    near = [p for p in result.indistinguishable if p != result.best_p]
    caption = [
        f"Means over {len(result.seeds)} rewirings; ±: standard deviation of S.",
        f"Random graphs: C = {result.reference.clustering:.4f}, L = {result.reference.path_length:.4f}.",
        "★: the largest S." + (f" As good, within the noise: p = {', '.join(f'{p:g}' for p in near)}." if near else ""),
    ]
    table = Table(
        title="Small-worldness against the rewiring probability p", caption="\n".join(caption), caption_justify="left"
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
