from collections.abc import Callable
from functools import partial
from typing import Annotated

import torch
import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from .._errors import InvalidValueError
from ..experiments import available_cores
from ..nn import Costs, calibrate, costs_path
from ._console import console, note, progress_bar
from ._options import Json

ThreadCounts = Annotated[
    list[int] | None,
    typer.Option("--threads", help="CPU threads; may be repeated; 1 and all cores by default", show_default=False),
]


def calibrate_command(threads: ThreadCounts = None, as_json: Json = False) -> None:
    """Measure once what links take on this processor, so that backend "auto" chooses well for each link.

    It takes some seconds for each number of threads, and the machine should have nothing else to do. The figures are
    kept in the user's cache directory (or SWANN_CACHE_DIR); without them, typical ones are used.

    Example: swann calibrate --threads 1
    """
    cores = available_cores()
    counts = tuple(dict.fromkeys(threads or (1, cores)))
    for count in counts:
        if not 1 <= count <= cores:
            raise InvalidValueError(f"--threads: expected 1 to {cores}, the cores that may be used, found {count}")
    before, found = torch.get_num_threads(), []
    try:
        for count in counts:
            torch.set_num_threads(count)
            label = f"{count} thread{'s' if count > 1 else ''}"
            with progress_bar("calibrate", "links") as move:
                found.append(calibrate(partial(_move, move, label)))
    finally:
        torch.set_num_threads(before)
    if as_json:
        console.print_json(data=[costs.to_json() for costs in found])
    else:
        console.print(_table(found))
    for count in counts:
        path = costs_path(count)
        if path is None:
            note("nothing was kept: the cache directory cannot be written to; set SWANN_CACHE_DIR to one that can")
        else:
            note(f"written to {path}")


def _move(move: Callable[[int, int, str], None], label: str, done: int, total: int) -> None:
    move(done, total, label)


def _table(found: list[Costs]) -> Table:
    """Return the costs in nanoseconds: a row for each part of the work."""
    table = Table(title="nanoseconds", box=SIMPLE_HEAD, show_edge=False)
    table.add_column("work")
    for costs in found:
        for pass_ in ("inference", "training"):
            table.add_column(f"{pass_},\n{costs.threads} thread{'s' if costs.threads > 1 else ''}", justify="right")
    columns = [[value for _, value in way.parts()] for costs in found for way in (costs.inference, costs.training)]
    for (name, _), *values in zip(found[0].inference.parts(), *columns, strict=True):
        table.add_row(name, *(f"{1e9 * value:,.3g}" for value in values))
    return table
