from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from .._files import write_text
from ..convert import plan_parts, rewired_graphs, warn_of_shortcuts
from ..experiments import (
    PRECISIONS,
    Bench,
    BenchSettings,
    Case,
    RunDirectory,
    bench,
    bench_markdown,
    bench_table,
    environment,
)
from ..nn import Order, build
from ..report import plot_bench
from ..smallworld import Draw, check_granularity, check_probability
from ..trace import trace_parts
from ._console import console, draw_picture, note, progress_bar
from ._convert import write_plan
from ._options import (
    Channels,
    Classes,
    DrawOption,
    Granularity,
    ImageSize,
    Json,
    Model,
    OrderOption,
    Overwrite,
    Probability,
    Repair,
    Seed,
    Width,
    option,
)
from ._search import search_parts
from ._task import open_model

_QUICK_ROUNDS, _QUICK_SECONDS = 3, 0.005
_MEASURING = "Measuring"

Batches = Annotated[
    list[int],
    typer.Option("--batch", help="Images at once at inference; may be repeated", rich_help_panel=_MEASURING, min=1),
]
TrainBatch = Annotated[int, typer.Option(help="Images of a training step", rich_help_panel=_MEASURING, min=2)]
ThreadCounts = Annotated[
    list[int] | None,
    typer.Option(
        "--threads",
        help="CPU threads; may be repeated; 1 and all cores by default",
        rich_help_panel=_MEASURING,
        min=1,
        show_default=False,
    ),
]
Backends = Annotated[
    list[str],
    typer.Option(
        "--backend", help="Of the twin: masked, joined, sparse or auto; may be repeated", rich_help_panel=_MEASURING
    ),
]
Rounds = Annotated[int, typer.Option(help="Turns of each network", rich_help_panel=_MEASURING, min=1)]
Quick = Annotated[
    bool, typer.Option("--quick", help="3 short rounds, to see whether it runs", rich_help_panel=_MEASURING)
]
Compile = Annotated[
    bool,
    typer.Option(
        "--compile",
        help="Compile the baseline by torch.compile too; needs a C++ compiler and minutes",
        rich_help_panel=_MEASURING,
    ),
]
BenchPrecision = Annotated[
    str,
    option(
        "--precision",
        help="32-true, or bf16-mixed for autocast to bfloat16, of all networks",
        panel=_MEASURING,
        metavar="NAME",
        choices=PRECISIONS,
    ),
]
Memory = Annotated[bool, typer.Option(help="Measure the peak memory of a training step", rich_help_panel=_MEASURING)]
Output = Annotated[Path, typer.Option("--out", "--output", help="Directory for the results", metavar="DIR")]


def bench_command(
    model: Model,
    out: Output = Path("runs/bench"),
    p: Probability = None,
    channels: Channels = None,
    image_size: ImageSize = None,
    classes: Classes = None,
    width: Width = 1.0,
    draw: DrawOption = "nodes",
    repair: Repair = True,
    granularity: Granularity = 1,
    order: OrderOption = "paper",
    batch: Batches = [1, 32],  # noqa: B006 (typer reads it and makes a new list for each call)
    train_batch: TrainBatch = 128,
    threads: ThreadCounts = None,
    backend: Backends = ["masked", "sparse"],  # noqa: B006
    rounds: Rounds = 9,
    quick: Quick = False,
    compile: Compile = False,
    memory: Memory = True,
    precision: BenchPrecision = "32-true",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Measure how fast a model and its small-world twin run on this machine's CPU, in turn, and what memory they take.

    Inference, and a training step of forward, backward and SGD with momentum, on random images. The model runs as
    PyTorch runs it best: as it comes, with channels_last and, with --compile, compiled; ratios refer to the fastest.
    Writes bench.json with all samples, bench.md and bench.png.

    Example: swann bench --model swann:convnet_c --p 0.85
    """
    if p is not None:
        check_probability(p)
    wanted = BenchSettings(
        batches=tuple(batch),
        train_batch=train_batch,
        threads=tuple(threads or ()),
        backends=cast(Any, tuple(backend)),
        rounds=min(rounds, _QUICK_ROUNDS) if quick else rounds,
        sample_seconds=_QUICK_SECONDS if quick else BenchSettings.sample_seconds,
        compile=compile,
        memory=memory,
        precision=precision,
        seed=seed,
    )
    settings: dict[str, Any] = {"command": "bench", "model": model, "channels": channels, "image_size": image_size}
    settings |= {"classes": classes, "width": width, "p": p, "draw": draw, "repair": repair, "order": order}
    settings |= {"granularity": granularity, **vars(wanted)}
    directory = RunDirectory(out, settings, overwrite=overwrite)
    network, example = open_model(
        model, channels=channels, image_size=image_size, classes=classes, width=width, seed=seed
    )
    parts = trace_parts(network, example)
    warn_of_shortcuts(parts, model)
    for graph in rewired_graphs(parts):
        check_granularity(granularity, graph)
    with directory:
        probabilities = [] if p is None else [p] * len(rewired_graphs(parts))
        if p is None:
            searches = search_parts(parts, draw=draw, repair=repair, granularity=granularity, seed=seed)
            probabilities = [found.best_p for found in searches.values()]
            for found in searches.values():
                note(f"the search chose p = {found.best_p:g} (S = {found.best_S:.3f})")
        plan = plan_parts(
            parts,
            probabilities,
            seed=seed,
            draw=cast(Draw, draw),
            repair=repair,
            order=cast(Order, order),
            granularity=granularity,
        )
        twin = build(plan, seed=seed)
        chosen = ", ".join(f"{each:g}" for each in dict.fromkeys(probabilities))
        name = f"{model}, p = {chosen}" + (f", granularity {granularity}" if granularity > 1 else "")
        name += ", bfloat16" if precision == "bf16-mixed" else ""
        with progress_bar("bench", "rounds") as move:
            result = bench(network, twin, wanted, name=name, on_progress=move)
        for what, reason in result.left_out.items():
            note(f"{what} is left out: {reason}")
        write_plan(plan, directory)
        write_bench(result, directory)
    if as_json:
        print(result.to_json())
    else:
        console.print(bench_table(result))


def write_bench(result: Bench, directory: RunDirectory) -> None:
    """Write a result as JSON, Markdown and a picture."""
    write_text(directory / "bench.json", result.to_json() + "\n")
    write_text(directory / "bench.md", bench_markdown(result, environment()))
    draw_picture(partial(_draw, result), directory / "bench.png")
    note(f"written to {directory.path}: bench.json, bench.md, bench.png")


def _draw(result: Bench, path: Path) -> None:
    """Draw the ratios of all cases, and of the memory."""
    baselines = {case.label: _ratios(case, case.baselines) for case in result.cases}
    twins = {case.label: _ratios(case, case.twins) for case in result.cases}
    memory = result.memory
    if memory is not None:
        label = f"peak memory, training step, batch {memory.batch}"
        baselines[label] = {name: (memory.ratio(name),) * 3 for name in memory.baselines}
        twins[label] = {name: (memory.ratio(name),) * 3 for name in memory.twins}
    plot_bench(baselines, twins, path, title=result.name, limit=result.multiplications)


def _ratios(case: Case, networks: Iterable[str]) -> dict[str, tuple[float, float, float]]:
    found = {name: case.ratios(name) for name in networks}
    return {name: (ratios.lower, ratios.median, ratios.upper) for name, ratios in found.items()}
