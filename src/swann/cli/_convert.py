import json
from pathlib import Path
from typing import Annotated, cast

import typer

from .._files import write_text
from ..convert import save, summary
from ..experiments import RunDirectory
from ..nn import Order, Plan, build
from ..smallworld import Draw, check_probability, rewire
from ..trace import trace
from ._console import console, notes
from ._options import (
    Channels,
    Classes,
    DrawOption,
    ImageSize,
    Json,
    Model,
    OrderOption,
    Probability,
    Repair,
    Seed,
    Width,
    open_model,
)
from ._search import search_with_progress, write_search


def convert_command(
    model: Model,
    out: Annotated[Path, typer.Option(help="Directory for the network and its plan")] = Path("runs/convert"),
    p: Probability = None,
    channels: Channels = None,
    image_size: ImageSize = None,
    classes: Classes = None,
    width: Width = 1.0,
    draw: DrawOption = "nodes",
    repair: Repair = True,
    order: OrderOption = "paper",
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Turn a model into its small-world twin, with new weights, and save it.

    Writes network.safetensors (read it with swann.load), plan.json and summary.txt.

    Example: swann convert --model swann:convnet_c --p 0.85 --out runs/convnet_c
    """
    if p is not None:
        check_probability(p)
    network, example = open_model(
        model, channels=channels, image_size=image_size, classes=classes, width=width, seed=seed
    )
    chain = trace(network, example)
    settings = {"model": model, "width": width, "p": p, "draw": draw, "repair": repair, "order": order, "seed": seed}
    directory = RunDirectory(out, settings)
    if p is None:
        result = search_with_progress(chain.graph(), draw=draw, repair=repair, seed=seed)
        write_search(result, directory.make())
        p = result.best_p
    rewiring = rewire(chain.graph(), p, seed=seed, draw=cast(Draw, draw), repair=repair)
    twin = build(Plan(chain, rewiring, cast(Order, order)), seed=seed)
    found = summary(twin)
    save(twin, directory / "network.safetensors")
    write_text(directory / "plan.json", json.dumps(twin.plan.to_json(), indent=2) + "\n")
    write_text(directory / "summary.txt", f"{found}\n")
    if as_json:
        print(json.dumps(found.to_json(), indent=2))
    else:
        console.print(str(found), highlight=False)
    notes.print(f"written to {out}: network.safetensors, plan.json, summary.txt", highlight=False)
