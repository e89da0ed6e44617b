import json
from pathlib import Path
from typing import Any, cast

from .._files import write_text
from ..convert import save, summary
from ..experiments import RunDirectory
from ..nn import Order, Plan, build
from ..report import can_be_drawn, plot_densities, plot_graph
from ..smallworld import Draw, check_probability, rewire
from ..trace import trace
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
    Probability,
    Repair,
    Seed,
    Width,
)
from ._search import search_with_progress, write_search
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
    as_json: Json = False,
) -> None:
    """Turn a model into its small-world twin, with new weights, and save it.

    Writes network.safetensors (read it with swann.load), plan.json, summary.txt, densities.png (which layers are
    linked) and, for a network small enough to draw, edges.png.

    Example: swann convert --model swann:convnet_c --p 0.85 --out runs/convnet_c
    """
    if p is not None:
        check_probability(p)
    settings: dict[str, Any] = {"command": "convert", "model": model, "channels": channels, "image_size": image_size}
    settings |= {"classes": classes, "width": width, "p": p, "draw": draw, "repair": repair, "order": order}
    directory = RunDirectory(out, settings | {"granularity": granularity, "seed": seed})
    network, example = open_model(
        model, channels=channels, image_size=image_size, classes=classes, width=width, seed=seed
    )
    chain = trace(network, example)
    graph = chain.graph()
    result = None
    if p is None:
        result = search_with_progress(graph, draw=draw, repair=repair, granularity=granularity, seed=seed)
        p = result.best_p
    rewiring = rewire(graph, p, seed=seed, draw=cast(Draw, draw), repair=repair, granularity=granularity)
    twin = build(Plan(chain, rewiring, cast(Order, order)), seed=seed)
    found = summary(twin)
    with directory:
        if result is not None:
            write_search(result, directory)
        save(twin, directory / "network.safetensors")
        write_plan(twin.plan, directory)
        write_text(directory / "summary.txt", f"{found}\n")
        draw_picture(lambda path: plot_densities(graph, rewiring.graph, path), directory / "densities.png")
        if can_be_drawn(graph):
            draw_picture(lambda path: plot_graph(graph, rewiring.graph, path), directory / "edges.png")
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        show(str(found))
    note(f"written to {out}: network.safetensors, plan.json, summary.txt, pictures")


def write_plan(plan: Plan, directory: RunDirectory) -> None:
    """Write what a twin consists of as JSON."""
    write_text(directory / "plan.json", json.dumps(plan.to_json(), indent=2) + "\n")
