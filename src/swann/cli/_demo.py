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
from ._console import console, note, search_table, show
from ._options import DataDir, OutWithDefault, Overwrite, Seed
from ._search import search_with_progress, write_search
from ._task import Task
from ._training import start, training_config

_DIGITS = (15, 64, 11)
_MNIST = (3, 64, 47)
"""Epochs, batch size, and iterations from one evaluation to the next."""
_MNIST_IMAGES = (6000, 2000)
"""Training and test images of MNIST: some minutes are enough for a demonstration."""


def demo(
    out: OutWithDefault = Path("runs/demo"),
    data_dir: DataDir = None,
    seeds: Annotated[int, typer.Option(help="Runs of each network", min=1, metavar="N")] = 3,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Show the whole way on real handwritten digits: search, conversion, training of both, the table.

    The digits come with scikit-learn; 6,000 and 2,000 images of MNIST are used where SWANN_DATA_DIR or --data-dir holds
    it.

    Example: swann demo --out runs/demo
    """
    start_time = time.perf_counter()
    name = "mnist" if data_dir is not None or _environment_has_mnist() else "digits"
    epochs, batch_size, evaluate_every = _MNIST if name == "mnist" else _DIGITS
    directory = RunDirectory(out, {"command": "demo", "data": name, "seeds": seeds, "seed": seed}, overwrite=overwrite)
    images = load(name, data_dir=data_dir)
    task = Task(images.subset(*_MNIST_IMAGES, seed=seed) if name == "mnist" else images, "swann:mnist5", 1.0)
    config = training_config(
        epochs=epochs,
        batch_size=batch_size,
        optimizer="adadelta",
        lr=None,
        evaluate_every=evaluate_every,
        threads=1,
        seed=seed,
    )
    fabric = start(config)

    console.rule("1. The network as a graph, rewired with a range of probabilities p")
    graph = trace(task.create(seed), task.example()).graph()
    result = search_with_progress(graph, draw="nodes", repair=True, seed=seed)
    console.print(search_table(result))
    write_search(result, directory)

    console.rule(f"2. The twin at p = {result.best_p:g}")
    show(str(summary(convert(task.create(seed), task.example(), result.best_p, seed=seed))))

    console.rule(f"3. Both trained on {task.data.name}")
    show(str(task.data))
    comparison = run_variants(
        task,
        config,
        result.best_p,
        seeds=range(seed, seed + seeds),
        draw="nodes",
        repair=True,
        order="paper",
        directory=None,
        fabric=fabric,
    )
    console.print(comparison_table(comparison))
    write_comparison(comparison, directory)
    note(f"{time.perf_counter() - start_time:.0f} s in all")


def _environment_has_mnist() -> bool:
    folder = os.environ.get("SWANN_DATA_DIR")
    return folder is not None and (Path(folder).expanduser() / "MNIST").is_dir()
