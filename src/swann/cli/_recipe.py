"""The recipes of the paper's experiments, run and written down."""

import csv
import io
import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from .._errors import InvalidValueError
from .._files import write_text
from ..convert import convert, plan_parts, save
from ..experiments import (
    BenchSettings,
    InterruptedRunError,
    Recipe,
    RunDirectory,
    bench,
    bench_figures,
    bench_table,
    environment,
    mean_weights,
    paper_table,
    recipe_markdown,
    recipe_notes,
    sweep_markdown,
    sweep_networks,
    sweep_points,
    sweep_table,
    variants,
)
from ..models import create
from ..nn import SmallWorldNetwork
from ..report import plot_sweep, plot_weights
from ..smallworld import MeasurementCache, search
from ..trace import trace, trace_parts
from ..train import TrainingConfig, comparison_markdown, comparison_table, fit
from ._bench import write_bench
from ._compare import train_networks, write_comparison
from ._console import console, draw_picture, note, progress_bar
from ._convert import write_plan
from ._search import search_parts, write_search
from ._task import Task, open_task
from ._training import resumable, start

if TYPE_CHECKING:
    from lightning.fabric import Fabric


@dataclass(frozen=True)
class RecipeOptions:
    """What the command line changes in a recipe, and where it is run; see `swann reproduce --help`."""

    data: str | None
    data_dir: Path | None
    download: bool
    p: float | None
    iterations: int | None
    seeds: int | None
    seed: int
    validation: bool
    skip_corrupt: bool
    stream: bool | None
    precision: str
    accelerator: str
    devices: int
    accumulate: int
    compile: bool
    threads: int | None
    out: Path
    resume: bool
    overwrite: bool
    as_json: bool


def run_recipe(recipe: Recipe, options: RecipeOptions) -> None:
    """Run a recipe with the options' changes, and write and print its results."""
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    recipe = _changed(recipe, options)
    settings = {"command": "reproduce", "seed": options.seed, "validation": options.validation, **asdict(recipe)}
    directory = RunDirectory(
        options.out, settings, resume=options.resume, overwrite=options.overwrite, resumable=recipe.kind != "overhead"
    )
    if recipe.kind == "overhead":
        _overhead(recipe, options, directory)
        return
    task = open_task(
        recipe.model,
        recipe.data,
        options.data_dir,
        download=options.download,
        image_size=recipe.image_size,
        width=recipe.width,
        validation=options.validation,
        skip_corrupt=options.skip_corrupt,
        stream=recipe.stream,
    )
    task = replace(task, data=task.data.subset(recipe.train_images, recipe.test_images, seed=options.seed))
    training = cast(TrainingConfig, recipe.training)
    training.total_iterations(len(task.data.train_images))
    fabric = start(training)
    with resumable(directory):
        folder = directory.make() if fabric.is_global_zero else directory.path
        run = {"convergence": _convergence, "sweep": _sweep, "weights": _weights}[recipe.kind]
        run(recipe, options, task, training, folder, directory, fabric)


def _changed(recipe: Recipe, options: RecipeOptions) -> Recipe:
    changes: dict[str, Any] = {"data": options.data, "seeds": options.seeds, "stream": options.stream}
    if options.p is not None:
        changes["p"] = (options.p,)
    if recipe.training is not None:
        training = replace(
            recipe.training,
            seed=options.seed,
            precision=options.precision,
            accelerator=options.accelerator,
            devices=options.devices,
            accumulate=options.accumulate,
            compile=options.compile,
            strategy="auto" if options.devices == 1 else "ddp",
        )
        if options.iterations is not None:
            evaluate_every = min(training.evaluate_every or options.iterations, options.iterations)
            training = replace(training, epochs=None, iterations=options.iterations, evaluate_every=evaluate_every)
        changes["training"] = training
    elif options.iterations is not None:
        raise InvalidValueError(f"--iterations: nothing is trained in {recipe.name}; leave it out")
    return replace(recipe, **{name: value for name, value in changes.items() if value is not None})


def _seeds(recipe: Recipe, options: RecipeOptions) -> range:
    return range(options.seed, options.seed + recipe.seeds)


def _convergence(
    recipe: Recipe,
    options: RecipeOptions,
    task: Task,
    training: TrainingConfig,
    folder: Path,
    directory: RunDirectory,
    fabric: "Fabric",
) -> None:
    networks = variants(task.create, task.data, recipe.p[0], with_random=True)
    seeds = _seeds(recipe, options)
    comparison = train_networks(networks, task, training, seeds=seeds, directory=folder, fabric=fabric)
    if not fabric.is_global_zero:
        return
    parts = trace_parts(task.create(options.seed), task.example())
    plan = plan_parts(parts, recipe.p[0], seed=options.seed)
    write_plan(plan, directory)
    write_comparison(comparison, directory)
    _write_page(recipe, seeds, comparison_markdown(comparison) + recipe_notes(plan), directory)
    for ending, result in search_parts(parts, draw="nodes", repair=True, seed=options.seed).items():
        write_search(result, directory, ending)  # for reports: where the paper's p stands on the curve of S
    if options.as_json:
        print(comparison.to_json())
    else:
        console.print(paper_table(recipe.paper))
        console.print(comparison_table(comparison))


def _sweep(
    recipe: Recipe,
    options: RecipeOptions,
    task: Task,
    training: TrainingConfig,
    folder: Path,
    directory: RunDirectory,
    fabric: "Fabric",
) -> None:
    target = training.target_error
    if target is None:
        raise InvalidValueError(f"recipe {recipe.name}: a sweep needs training.target_error")
    seeds = _seeds(recipe, options)
    graph = trace(task.create(options.seed), task.example()).graph()
    found = search(
        graph, probabilities=list(recipe.p), n_seeds=recipe.seeds, seed=options.seed, cache=MeasurementCache.default()
    )
    S = dict(zip(found.probabilities, found.S.mean(axis=1).tolist(), strict=True))
    networks = sweep_networks(task.create, task.data, recipe.p)
    comparison = train_networks(networks, task, training, seeds=seeds, directory=folder, fabric=fabric)
    if not fabric.is_global_zero:
        return
    points = sweep_points(comparison.histories, target, {p: S[p] for p in recipe.p})
    text = json.dumps({"target_error": target, "points": [asdict(point) for point in points]}, indent=2)
    write_text(directory / "sweep.json", text + "\n")
    rates = [
        None if (rate := point.rate) is None else (rate.low or rate.mean, rate.mean, rate.high or rate.mean)
        for point in points
    ]
    picture = partial(plot_sweep, recipe.p, [S[p] for p in recipe.p], rates, title=recipe.title)
    draw_picture(picture, directory / "sweep.png")
    write_comparison(comparison, directory)
    _write_page(recipe, seeds, sweep_markdown(points, target), directory)
    if options.as_json:
        print(text)
    else:
        console.print(sweep_table(points, target))


def _weights(
    recipe: Recipe,
    options: RecipeOptions,
    task: Task,
    training: TrainingConfig,
    folder: Path,
    directory: RunDirectory,
    fabric: "Fabric",
) -> None:
    if recipe.seeds != 1:
        raise InvalidValueError(f"--seeds: {recipe.name} shows the weights of one network, found {recipe.seeds}")
    network = _twin(recipe, task.create(options.seed), task.example(), options.seed)
    with progress_bar("train", "iterations") as move:
        history = fit(
            network,
            task.data,
            training,
            checkpoint=folder / "checkpoint-network.ckpt",
            resume=options.resume,
            on_progress=lambda done, total, rate, loss: move(done, total, f"loss {loss:.4f}, {rate:.0f} it/s"),
            fabric=fabric,
        )
    if history.interrupted:
        raise InterruptedRunError(options.out)
    if not fabric.is_global_zero:
        return
    write_text(directory / "history.json", history.to_json() + "\n")
    save(network, directory / "network.safetensors")
    names = _layer_names(network)
    found = mean_weights(network)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["from \\ to", *names])
    for name, row in zip(names, found, strict=True):
        writer.writerow([name, *("" if np.isnan(value) else f"{value:.6g}" for value in row)])
    write_text(directory / "weights.csv", file.getvalue())
    picture = partial(plot_weights, found, names=names, title=recipe.title)
    draw_picture(picture, directory / "weights.png")
    last = history.evaluations[-1]
    result = (
        f"After {last.iteration:,} iterations the test error is {last.test_error:.2%}. {_strongest(found, names)} "
        f"All means are in weights.csv.\n"
    )
    _write_page(recipe, _seeds(recipe, options), result, directory)
    if options.as_json:
        rows = [[None if np.isnan(value) else float(value) for value in row] for row in found]
        console.print_json(data={"layers": names, "weights": rows, "test_error": last.test_error})
    else:
        console.print(result.strip(), highlight=False, markup=False)
    note(f"written to {options.out}: weights.csv, weights.png, network.safetensors, history.json, {recipe.name}.md")


def _twin(recipe: Recipe, model: torch.nn.Module, example: torch.Tensor, seed: int) -> SmallWorldNetwork:
    twin = convert(model, example, recipe.p[0], seed=seed)
    if not isinstance(twin, SmallWorldNetwork):
        raise InvalidValueError(
            f"recipe {recipe.name}: {recipe.model} is a DenseNet; expected a single chain of layers"
        )
    return twin


def _layer_names(network: SmallWorldNetwork) -> list[str]:
    return ["input", *(layer.name for layer in network.plan.chain.layers)]


def _strongest(found: np.ndarray[Any, np.dtype[np.float64]], names: list[str]) -> str:
    """Say how strong links of neighbours are against long ones."""
    near = np.diagonal(found, 1)
    far = found[np.triu_indices(len(names), 2)]
    return (
        f"The mean absolute weight is {np.nanmean(near):.4f} between neighbours and {np.nanmean(far):.4f} over longer "
        f"links, a mean over pairs of layers."
    )


def _overhead(recipe: Recipe, options: RecipeOptions, directory: RunDirectory) -> None:
    size = recipe.image_size or 32
    model = create(recipe.model, in_channels=3, n_classes=10, image_size=size, width=recipe.width, seed=options.seed)
    twin = _twin(recipe, model, torch.zeros(1, 3, size, size), options.seed)
    threads = () if options.threads is None else (options.threads,)
    settings = BenchSettings(threads=threads, backends=("masked", "sparse", "auto"), memory=False, seed=options.seed)
    with directory:
        with progress_bar("bench", "rounds") as move:
            result = bench(model, twin, settings, name=recipe.title, on_progress=move)
        write_bench(result, directory)
        write_plan(twin.plan, directory)
        _write_page(recipe, _seeds(recipe, options), bench_figures(result), directory)
    if options.as_json:
        print(result.to_json())
    else:
        console.print(paper_table(recipe.paper))
        console.print(bench_table(result))


def _write_page(recipe: Recipe, seeds: range, result: str, directory: RunDirectory) -> None:
    name = f"{recipe.name}.md"
    write_text(directory / name, recipe_markdown(recipe, seeds, result, environment()))
