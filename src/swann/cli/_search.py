from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, cast

import typer

from .._errors import InvalidValueError
from .._files import write_text
from ..convert import rewired_graphs
from ..experiments import RunDirectory
from ..graph import LayerGraph
from ..report import plot_search
from ..smallworld import Draw, MeasurementCache, SearchResult, search
from ..trace import Chain, trace_parts
from ._console import console, draw_picture, note, progress_bar, search_table
from ._options import (
    Channels,
    Classes,
    DrawOption,
    Granularity,
    ImageSize,
    Json,
    Model,
    Out,
    Overwrite,
    Repair,
    Seed,
    Width,
)
from ._task import open_model

Steps = Annotated[int, typer.Option(help="Probabilities to try, evenly from 0 to 1", min=2, metavar="N")]
Seeds = Annotated[int, typer.Option(help="Rewirings for each probability", min=1, metavar="N")]
Cache = Annotated[bool, typer.Option(help="Keep measurements in SWANN_CACHE_DIR, by default ~/.cache/swann")]


def search_command(
    model: Model,
    channels: Channels = None,
    image_size: ImageSize = None,
    classes: Classes = None,
    width: Width = 1.0,
    steps: Steps = 21,
    seeds: Seeds = 5,
    draw: DrawOption = "nodes",
    repair: Repair = True,
    granularity: Granularity = 1,
    seed: Seed = 0,
    cache: Cache = True,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Rewire a model with a range of probabilities and find the one that makes it most small-world.

    With --out the whole curve is written there as JSON, CSV and a picture.

    Example: swann search --model swann:mnist5 --out runs/search
    """
    settings: dict[str, Any] = {"command": "search", "model": model, "channels": channels, "image_size": image_size}
    settings |= {"classes": classes, "width": width, "steps": steps, "seeds": seeds, "draw": draw}
    settings |= {"repair": repair, "granularity": granularity, "seed": seed}
    directory = None if out is None else RunDirectory(out, settings, overwrite=overwrite)
    network, example = open_model(
        model, channels=channels, image_size=image_size, classes=classes, width=width, seed=seed
    )
    parts = trace_parts(network, example)
    if any(part.dense for part in parts):
        raise InvalidValueError(
            f"{model} has dense blocks, each with its own p; swann convert and swann compare search for all of them "
            "and write the results"
        )
    result = search_with_progress(
        parts[0].graph(),
        steps=steps,
        n_seeds=seeds,
        draw=draw,
        repair=repair,
        granularity=granularity,
        seed=seed,
        use_cache=cache,
    )
    if directory is not None:
        with directory:
            write_search(result, directory)
    if as_json:
        print(result.to_json())
    else:
        console.print(search_table(result))


def search_with_progress(
    graph: LayerGraph,
    *,
    draw: str,
    repair: bool,
    seed: int,
    granularity: int = 1,
    steps: int = 21,
    n_seeds: int = 5,
    use_cache: bool = True,
) -> SearchResult:
    """Search with a progress bar in a terminal; a search that was stopped goes on where it was."""
    probabilities = [round(step / (steps - 1), 6) for step in range(steps)]
    with progress_bar("search over p", "graphs") as move:
        return search(
            graph,
            probabilities=probabilities,
            n_seeds=n_seeds,
            draw=cast(Draw, draw),
            repair=repair,
            granularity=granularity,
            seed=seed,
            cache=MeasurementCache.default() if use_cache else None,
            on_progress=lambda done, total: move(done, total, ""),
        )


def search_parts(
    parts: Sequence[Chain], *, draw: str, repair: bool, seed: int, granularity: int = 1
) -> dict[str, SearchResult]:
    """Search for each graph of a network that is rewired; by the ending that its files' names get."""
    graphs = rewired_graphs(parts)
    return {
        ending: search_with_progress(graph, draw=draw, repair=repair, granularity=granularity, seed=seed)
        for ending, graph in zip(endings(parts), graphs, strict=True)
    }


def endings(parts: Sequence[Chain]) -> list[str]:
    """Return what distinguishes the files of each dense block of a network; one empty ending for a chain."""
    n_blocks = sum(part.dense for part in parts)
    return [f"-block-{number}" for number in range(1, n_blocks + 1)] or [""]


def write_search(result: SearchResult, directory: RunDirectory, ending: str = "") -> None:
    """Write a search as JSON, CSV and a picture."""
    name = f"search{ending}"
    write_text(directory / f"{name}.json", result.to_json() + "\n")
    write_text(directory / f"{name}.csv", result.to_csv())
    draw_picture(partial(plot_search, result), directory / f"{name}.png")
    note(f"written to {directory.path}: {name}.json, {name}.csv, {name}.png")
