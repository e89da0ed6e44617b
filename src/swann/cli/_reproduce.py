from contextlib import nullcontext
from typing import Annotated

import typer

from .._errors import UnknownNameError, near_matches
from .._files import write_text
from ..experiments import (
    RunDirectory,
    environment,
    reproduce_table2,
    table2_markdown,
    table2_tables,
    table2_verdict,
)
from ._console import console, notes, progress_bar
from ._options import Json, Out, Seed

_KNOWN = ("table2",)

Name = Annotated[str, typer.Argument(help="What to reproduce: table2", show_default=False)]
Seeds = Annotated[int, typer.Option(help="Rewirings at each probability, with the seeds --seed, --seed + 1, …", min=1)]


def reproduce(name: Name, seeds: Seeds = 5, seed: Seed = 0, out: Out = None, as_json: Json = False) -> None:
    """Repeat a measurement of the paper and print its figures beside ours.

    table2: γ, λ and S of the paper's networks at its rewiring probability and at the best one, for the ways in which
    the paper can be read. It takes a few minutes. With --out it is written there as JSON and Markdown.

    Example: swann reproduce table2 --out runs/table2
    """
    if name not in _KNOWN:
        raise UnknownNameError(f"cannot reproduce {name!r}: {near_matches(name, _KNOWN)}")
    settings = {"command": "reproduce", "name": name, "seeds": seeds, "seed": seed}
    with nullcontext() if out is None else RunDirectory(out, settings) as directory:
        with progress_bar("table 2", "graphs") as move:
            table = reproduce_table2(n_seeds=seeds, seed=seed, on_progress=move)
        if directory is not None:
            write_text(directory / "table2.json", table.to_json() + "\n")
            write_text(directory / "table2.md", table2_markdown(table, environment()))
    if as_json:
        print(table.to_json())
    else:
        for part in table2_tables(table):
            console.print(part)
        console.print(table2_verdict(table), highlight=False, markup=False)
    if out is not None:
        notes.print(f"written to {out}: table2.json, table2.md", highlight=False)
