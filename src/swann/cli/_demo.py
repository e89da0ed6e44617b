import os
import time
from pathlib import Path
from typing import Annotated

import typer

from ..convert import convert, summary
from ..data import load
from ..experiments import RunDirectory
from ..trace import trace
from ..train import comparison_table
from ._compare import run_variants, write_comparison
from ._console import console, notes, search_table
from ._options import DataDir, Seed, Task
from ._search import search_with_progress, write_search
from ._training import training_config

_DIGITS = (15, 64, 11)
_MNIST = (2, 256, 59)
"""Epochs, batch size, and iterations from one evaluation to the next."""


def demo(
    out: Annotated[Path, typer.Option(help="Directory for the results")] = Path("runs/demo"),
    data_dir: DataDir = None,
    seeds: Annotated[int, typer.Option(help="Runs of each network", min=1)] = 3,
    seed: Seed = 0,
) -> None:
    """Show the whole way on real handwritten digits: search, conversion, training of both, the table.

    The digits come with scikit-learn; where --data-dir or SWANN_DATA_DIR holds MNIST, MNIST is used.

    Example: swann demo --out runs/demo
    """
    start = time.perf_counter()
    folder = data_dir or os.environ.get("SWANN_DATA_DIR")
    name = "mnist" if folder and (Path(folder) / "MNIST").is_dir() else "digits"
    epochs, batch_size, evaluate_every = _MNIST if name == "mnist" else _DIGITS
    data = load(name, data_dir=folder)
    directory = RunDirectory(out, {"command": "demo", "data": name, "seeds": seeds, "seed": seed})
    task = Task(data, "swann:mnist5", 1.0)

    console.rule("1. The network as a graph, rewired with a range of probabilities p")
    result = search_with_progress(
        trace(task.create(seed), task.example()).graph(), draw="nodes", repair=True, seed=seed
    )
    console.print(search_table(result))
    write_search(result, directory.make())

    console.rule(f"2. The twin at p = {result.best_p:g}")
    console.print(str(summary(convert(task.create(seed), task.example(), result.best_p, seed=seed))), highlight=False)

    console.rule(f"3. Both trained on {data.name}")
    console.print(str(data), highlight=False)
    config = training_config(
        epochs=epochs,
        batch_size=batch_size,
        optimizer="adadelta",
        lr=None,
        evaluate_every=evaluate_every,
        threads=1,
        seed=seed,
    )
    comparison = run_variants(
        task,
        config,
        result.best_p,
        seeds=range(seed, seed + seeds),
        draw="nodes",
        repair=True,
        order="paper",
        directory=None,
    )
    write_comparison(comparison, directory.make())
    console.print(comparison_table(comparison))
    notes.print(
        f"{time.perf_counter() - start:.0f} s; written to {out}: search.png, curves.png, comparison.md and the data",
        highlight=False,
    )
