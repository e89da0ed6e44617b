import json
from functools import partial
from pathlib import Path
from typing import Any, cast

from .._files import write_text
from ..convert import DenseNetSummary, plan_parts, save, summary, warn_of_shortcuts
from ..experiments import RunDirectory
from ..nn import DenseNetPlan, Order, Plan, build
from ..report import can_be_drawn, plot_densities, plot_graph
from ..smallworld import Draw, check_probability
from ..trace import trace_parts
from ._console import draw_picture, note, show
from ._options import (
    Channels,
    Classes,
    DrawOption,
    Granularity,
    ImageSize,
    Json,
    Model,
    OrderOption,
    OutWithDefault,
    Overwrite,
    Probability,
    Repair,
    Seed,
    Width,
)
from ._search import endings, search_parts, write_search
from ._task import open_model


def convert_command(
    model: Model,
    out: OutWithDefault = Path("runs/convert"),
    p: Probability = None,
    channels: Channels = None,
    image_size: ImageSize = None,
    classes: Classes = None,
    width: Width = 1.0,
    draw: DrawOption = "nodes",
    repair: Repair = True,
    granularity: Granularity = 1,
    order: OrderOption = "paper",
    seed: Seed = 0,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Turn a model into its small-world twin, with new weights, and save it.

    Writes network.safetensors (read it with swann.load), plan.json, summary.txt, densities.png (which layers are
    linked) and, for a network small enough to draw, edges.png. Of a DenseNet each dense block becomes a small-world
    network of its own, with pictures of its own.

    Example: swann convert --model swann:convnet_c --p 0.85 --out runs/convnet_c
    """
    if p is not None:
        check_probability(p)
    settings: dict[str, Any] = {"command": "convert", "model": model, "channels": channels, "image_size": image_size}
    settings |= {"classes": classes, "width": width, "p": p, "draw": draw, "repair": repair, "order": order}
    directory = RunDirectory(out, settings | {"granularity": granularity, "seed": seed}, overwrite=overwrite)
    network, example = open_model(
        model, channels=channels, image_size=image_size, classes=classes, width=width, seed=seed
    )
    parts = trace_parts(network, example)
    warn_of_shortcuts(parts, model)
    searches = {}
    if p is None:
        searches = search_parts(parts, draw=draw, repair=repair, granularity=granularity, seed=seed)
    twin_plan = plan_parts(
        parts,
        [result.best_p for result in searches.values()] if p is None else p,
        seed=seed,
        draw=cast(Draw, draw),
        repair=repair,
        order=cast(Order, order),
        granularity=granularity,
    )
    twin = build(twin_plan, seed=seed)
    found = summary(twin)
    with directory:
        for ending, result in searches.items():
            write_search(result, directory, ending)
        save(twin, directory / "network.safetensors")
        write_plan(twin_plan, directory)
        details = found.blocks if isinstance(found, DenseNetSummary) else ()
        write_text(directory / "summary.txt", "\n\n".join(map(str, (found, *details))) + "\n")
        blocks = twin_plan.blocks if isinstance(twin_plan, DenseNetPlan) else (twin_plan,)
        for ending, block in zip(endings(parts), blocks, strict=True):
            before, after = block.chain.graph(), block.rewiring.graph
            draw_picture(partial(plot_densities, before, after), directory / f"densities{ending}.png")
            if can_be_drawn(before):
                draw_picture(partial(plot_graph, before, after), directory / f"edges{ending}.png")
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        show(str(found))
    note(f"written to {out}: network.safetensors, plan.json, summary.txt, pictures")


def write_plan(plan: Plan | DenseNetPlan, directory: RunDirectory) -> None:
    """Write what a twin consists of as JSON."""
    write_text(directory / "plan.json", json.dumps(plan.to_json(), indent=2) + "\n")
