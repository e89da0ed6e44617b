import dataclasses
import json

from ..convert import count_chain
from ..smallworld import small_worldness
from ..trace import trace
from ._console import console
from ._options import Channels, Classes, ImageSize, Json, Model, Seed, Width, open_model


def analyze(
    model: Model,
    channels: Channels = None,
    image_size: ImageSize = None,
    classes: Classes = None,
    width: Width = 1.0,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Show the chain of layers that a model consists of, its graph and how small-world it is as it stands.

    Example: swann analyze --model torchvision:resnet18
    """
    network, example = open_model(
        model, channels=channels, image_size=image_size, classes=classes, width=width, seed=seed
    )
    chain = trace(network, example)
    graph = chain.graph()
    counts = count_chain(chain)
    figures = small_worldness(graph, seed=seed)
    if as_json:
        value = {
            "chain": chain.to_json(),
            "n_nodes": graph.n_nodes,
            "n_edges": graph.n_edges,
            "counts": dataclasses.asdict(counts),
            "small_worldness": json.loads(figures.to_json()),
        }
        print(json.dumps(value, indent=2))
        return
    console.print(str(chain), highlight=False)
    console.print(f"\n{graph.n_nodes:,} nodes, {graph.n_edges:,} edges", highlight=False)
    console.print(
        f"{counts.weights:,} weights, {counts.parameters:,} parameters, {counts.macs:,} multiplications an image",
        highlight=False,
    )
    console.print(
        f"C = {figures.clustering:.4f} (random {figures.clustering_random:.4f}), "
        f"L = {figures.path_length:.4f} (random {figures.path_length_random:.4f}), S = {figures.S:.4f}",
        highlight=False,
    )
