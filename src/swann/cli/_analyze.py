import dataclasses
import json
from typing import Any

from .._errors import InvalidValueError
from .._files import write_text
from ..convert import count_chain, count_dense_block
from ..experiments import RunDirectory
from ..graph import LayerGraph
from ..smallworld import SmallWorldness, small_worldness
from ..trace import Chain, trace_parts
from ._console import note, show
from ._options import Channels, Classes, ImageSize, Json, Model, Out, Overwrite, Seed, Width
from ._task import open_model


def analyze(
    model: Model,
    channels: Channels = None,
    image_size: ImageSize = None,
    classes: Classes = None,
    width: Width = 1.0,
    seed: Seed = 0,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Show the chain of layers that a model consists of, its graph and how small-world it is as it stands.

    A DenseNet is shown as the chains that its dense blocks are made into, and what stands between them.

    With --out it is written there as JSON and text.

    Example: swann analyze --model torchvision:resnet18
    """
    settings: dict[str, Any] = {"command": "analyze", "model": model, "channels": channels, "image_size": image_size}
    settings |= {"classes": classes, "width": width, "seed": seed}
    directory = None if out is None else RunDirectory(out, settings, overwrite=overwrite)
    network, example = open_model(
        model, channels=channels, image_size=image_size, classes=classes, width=width, seed=seed
    )
    parts = trace_parts(network, example)
    found = [_part(chain, seed, is_rewired=chain.dense or len(parts) == 1) for chain in parts]
    value = found[0][0] if len(parts) == 1 else {"parts": [part for part, _ in found]}
    text = "\n\n".join(of_part for _, of_part in found)
    if directory is not None:
        with directory:
            write_text(directory / "analysis.json", json.dumps(value, indent=2) + "\n")
            write_text(directory / "analysis.txt", text + "\n")
    if as_json:
        print(json.dumps(value, indent=2))
    else:
        show(text)
    if directory is not None:
        note(f"written to {out}: analysis.json, analysis.txt")


def _part(chain: Chain, seed: int, *, is_rewired: bool) -> tuple[dict[str, Any], str]:
    """Return what is found about a chain as JSON values and as text; small-worldness only if it would be rewired."""
    graph, counts = chain.graph(), count_chain(chain)
    value: dict[str, Any] = {
        "chain": chain.to_json(),
        "n_nodes": graph.n_nodes,
        "n_edges": graph.n_edges,
        "counts": dataclasses.asdict(counts),
    }
    lines = [
        "dense block, its first layer reading all of the input and each other one the layer before it:"
    ] * chain.dense
    lines += [
        str(chain),
        "",
        f"{graph.n_nodes:,} nodes, {graph.n_edges:,} edges",
        f"{counts.weights:,} weights, {counts.parameters:,} parameters, {counts.macs:,} multiplications an image",
    ]
    if chain.dense:
        weights, macs = count_dense_block(chain)
        value |= {"dense_weights": weights, "dense_macs": macs}
        lines.append(f"with all its connections the block has {weights:,} weights, {macs:,} multiplications an image")
    if not is_rewired:
        return value, "\n".join(lines)
    figures = _figures(graph, seed)
    value["small_worldness"] = None if figures is None else json.loads(figures.to_json())
    if figures is None:
        lines.append("S is not defined: random graphs with so few edges have no triangle")
    else:
        lines.append(
            f"C = {figures.clustering:.4f} (random {figures.clustering_random:.4f}), "
            f"L = {figures.path_length:.4f} (random {figures.path_length_random:.4f}), S = {figures.S:.4f}"
        )
    return value, "\n".join(lines)


def _figures(graph: LayerGraph, seed: int) -> SmallWorldness | None:
    """Return the small-worldness of a graph, or None where S is not defined."""
    try:
        return small_worldness(graph, seed=seed)
    except InvalidValueError:
        return None
