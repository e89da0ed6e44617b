from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .._files import write_text
from ..convert import plan_parts, rewired_graphs
from ..experiments import Factory, RunDirectory, run_comparison, variants
from ..nn import Order
from ..smallworld import Draw, check_granularity, check_probability
from ..trace import trace_parts
from ..train import Comparison, TrainingConfig, comparison_markdown, comparison_table, curves_to_csv, plot
from ._console import console, draw_picture, note, progress_bar
from ._convert import write_plan
from ._options import (
    Accelerator,
    Accumulate,
    BatchSize,
    Compile,
    Data,
    DataDir,
    DataSize,
    Devices,
    Download,
    DrawOption,
    Epochs,
    EvaluateEvery,
    Granularity,
    Json,
    LearningRate,
    Model,
    OptimizerName,
    OrderOption,
    OutWithDefault,
    Overwrite,
    Precision,
    Probability,
    Repair,
    Resume,
    Seed,
    SkipCorrupt,
    Stream,
    Threads,
    Validation,
    Width,
)
from ._search import search_parts, write_search
from ._task import Task, open_task
from ._training import check_batches, fitting, resumable, start, training_config

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Seeds = Annotated[
    int, typer.Option(help="Runs of each network, with the seeds --seed, --seed + 1, …", min=1, metavar="N")
]


def compare_command(
    model: Model,
    out: OutWithDefault = Path("runs/compare"),
    p: Probability = None,
    data: Data = "digits",
    data_dir: DataDir = None,
    download: Download = False,
    image_size: DataSize = None,
    width: Width = 1.0,
    seeds: Seeds = 3,
    epochs: Epochs = 10,
    batch_size: BatchSize = None,
    optimizer: OptimizerName = "adadelta",
    lr: LearningRate = None,
    accumulate: Accumulate = 1,
    evaluate_every: EvaluateEvery = None,
    validation: Validation = False,
    skip_corrupt: SkipCorrupt = False,
    stream: Stream = None,
    draw: DrawOption = "nodes",
    repair: Repair = True,
    granularity: Granularity = 1,
    order: OrderOption = "paper",
    precision: Precision = "32-true",
    accelerator: Accelerator = "auto",
    devices: Devices = 1,
    compile: Compile = False,
    threads: Threads = None,
    seed: Seed = 0,
    resume: Resume = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train a model and its small-world twin alike, and say how many iterations each takes to the same test error.

    Three networks are trained under each seed with the same batches: the model as it comes, its chain with nothing
    rewired in the paper's order of operations, and the twin. Ctrl-C keeps what was done; --resume goes on.

    Example: swann compare --model swann:mnist5 --data mnist --data-dir ~/data
    """
    if p is not None:
        check_probability(p)
    config = training_config(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=optimizer,
        lr=lr,
        accumulate=accumulate,
        compile=compile,
        evaluate_every=evaluate_every,
        precision=precision,
        threads=threads,
        accelerator=accelerator,
        devices=devices,
        seed=seed,
    )
    task = open_task(
        model,
        data,
        data_dir,
        download=download,
        image_size=image_size,
        width=width,
        validation=validation,
        skip_corrupt=skip_corrupt,
        stream=stream,
    )
    config = fitting(config, batch_size, len(task.data.train_images))
    settings: dict[str, Any] = {"command": "compare", "model": model, "p": p, "data": task.data.name, "width": width}
    settings |= {"image_size": image_size, "draw": draw, "repair": repair, "order": order, "seeds": seeds}
    settings["granularity"] = granularity
    settings["training"] = config.to_dict()
    directory = RunDirectory(out, settings, resume=resume, overwrite=overwrite, resumable=True)
    check_batches(config, batch_size, len(task.data.train_images))
    parts = trace_parts(task.create(seed), task.example())
    for graph in rewired_graphs(parts):
        check_granularity(granularity, graph)
    fabric = start(config)
    with resumable(directory):
        probabilities: float | list[float] = [] if p is None else p
        if p is None:
            searches = search_parts(parts, draw=draw, repair=repair, granularity=granularity, seed=seed)
            probabilities = [result.best_p for result in searches.values()]
            for ending, result in searches.items():
                where = ending.replace("-", " ")
                note(f"the search chose p = {result.best_p:g} (S = {result.best_S:.3f}){where and ' for'}{where}")
                if fabric.is_global_zero:
                    write_search(result, directory, ending)
        comparison = run_variants(
            task,
            config,
            probabilities,
            seeds=range(seed, seed + seeds),
            draw=draw,
            repair=repair,
            order=order,
            granularity=granularity,
            directory=directory.make() if fabric.is_global_zero else directory.path,
            fabric=fabric,
        )
        if not fabric.is_global_zero:
            return
        plan = plan_parts(
            parts,
            probabilities,
            seed=seed,
            draw=cast(Draw, draw),
            repair=repair,
            order=cast(Order, order),
            granularity=granularity,
        )
        write_plan(plan, directory)
        write_comparison(comparison, directory)
    if as_json:
        print(comparison.to_json())
    else:
        console.print(comparison_table(comparison))


def run_variants(
    task: Task,
    config: TrainingConfig,
    p: float | Sequence[float],
    *,
    seeds: range,
    draw: str,
    repair: bool,
    order: str,
    directory: Path | None,
    fabric: "Fabric",
    granularity: int = 1,
) -> Comparison:
    """Train the baseline, its chain in the paper's order and the twin, with a progress bar in a terminal."""
    networks = variants(
        task.create,
        task.data,
        p,
        draw=cast(Draw, draw),
        repair=repair,
        order=cast(Order, order),
        granularity=granularity,
    )
    return train_networks(networks, task, config, seeds=seeds, directory=directory, fabric=fabric)


def train_networks(
    networks: Mapping[str, Factory],
    task: Task,
    config: TrainingConfig,
    *,
    seeds: range,
    directory: Path | None,
    fabric: "Fabric",
) -> Comparison:
    """Train networks by name, the first of them the baseline, with a progress bar in a terminal."""
    runs = [(name, seed) for seed in seeds for name in networks]
    with progress_bar("train", "iterations") as move:

        def on_progress(name: str, seed: int, done: int, total: int, rate: float, loss: float) -> None:
            before = runs.index((name, seed))
            remark = f"run {before + 1} of {len(runs)}: {name}, seed {seed}, loss {loss:.4f}, {rate:.0f} it/s"
            move(before * total + done, len(runs) * total, remark)

        return run_comparison(
            networks, task.data, config, seeds=seeds, directory=directory, on_progress=on_progress, fabric=fabric
        )


def write_comparison(comparison: Comparison, directory: RunDirectory) -> None:
    """Write a comparison as JSON, CSV, Markdown and a picture."""
    write_text(directory / "comparison.json", comparison.to_json() + "\n")
    write_text(directory / "comparison.csv", comparison.to_csv())
    write_text(directory / "comparison.md", comparison_markdown(comparison))
    write_text(directory / "curves.csv", curves_to_csv(comparison.histories))
    draw_picture(partial(plot, comparison), directory / "curves.png")
    note(f"written to {directory.path}: comparison.json, .csv and .md, curves.csv, curves.png")
