"""The paper's networks with their sizes (its Table I)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from rich.table import Table

from ..convert import count_chain, count_dense_block
from ..models import create
from ..trace import Chain, trace_parts
from ._environment import environment_lines

_NETWORKS = (
    ("MNIST-5", "swann:mnist5", (1, 28, 10)),
    ("ConvNet-C", "swann:convnet_c", (3, 32, 10)),
    ("DenseNet-40", "swann:densenet40", (3, 32, 10)),
    ("AlexNet", "swann:alexnet", (3, 224, 1000)),
    ("ResNet-18", "swann:resnet18", (3, 224, 1000)),
)
_NOTE = (
    "Weights are those of convolutions and linear layers, multiplications those of one image. ResNet-18 is without its "
    "shortcuts, as it is rewired; DenseNet-40 with all its connections. Nodes are channels and neurons."
)
_HEADER = ("network", "input", "layers", "nodes", "weights", "multiplications")


@dataclass(frozen=True)
class Architecture:
    """A network of the paper as its layers.

    Args:
        name: in the paper.
        input_shape: channels, height and width of an image.
        layers: of each, its kernel and its channels or neurons.
        n_nodes: channels and neurons, the input's among them.
        weights: of convolutions and linear layers.
        macs: multiplications for one image.
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[str, ...]
    n_nodes: int
    weights: int
    macs: int


def architectures() -> tuple[Architecture, ...]:
    """Return the layers of the paper's networks: ResNet-18 without its shortcuts, DenseNet-40 with its dense blocks."""
    found = []
    for name, model, (channels, size, classes) in _NETWORKS:
        network = create(model, in_channels=channels, n_classes=classes, image_size=size)
        parts = trace_parts(network, torch.zeros(1, channels, size, size))
        chained = [layer for part in parts for layer in part.layers]
        layers = tuple(_describe(layer.kernel, layer.n_outputs, bool(layer.size)) for layer in chained)
        weights, macs = map(sum, zip(*map(weights_and_macs, parts), strict=True))
        n_nodes = parts[0].sizes[0] + sum(layer.n_outputs for layer in chained)
        found.append(Architecture(name, parts[0].input_shape, layers, n_nodes, weights, macs))
    return tuple(found)


def weights_and_macs(part: Chain) -> tuple[int, int]:
    """Return what a part of a network costs, a dense block with all its connections."""
    if part.dense:
        return count_dense_block(part)
    counts = count_chain(part)
    return counts.weights, counts.macs


def _describe(kernel: tuple[int, ...], n_outputs: int, is_convolution: bool) -> str:
    return f"{'×'.join(map(str, kernel))} conv {n_outputs}" if is_convolution else f"linear {n_outputs}"


def architectures_table(found: Sequence[Architecture]) -> Table:
    """Return the architectures as a rich table."""
    table = Table(title="Table I: architectures")
    for name in _HEADER:
        table.add_column(name, justify="left" if name in ("network", "layers") else "right")
    for cells in _rows(found):
        table.add_row(*cells, end_section=True)
    return table


def architectures_markdown(found: Sequence[Architecture], environment: Mapping[str, Any]) -> str:
    """Return the architectures as a Markdown page.

    Args:
        found: of `architectures`.
        environment: of `environment`.
    """
    head = ["# Architectures (Table I)", "", *environment_lines(environment), "", _NOTE, ""]
    lines = [_HEADER, ("---",) * len(_HEADER), *_rows(found)]
    return "\n".join([*head, *(f"| {' | '.join(cells)} |" for cells in lines), ""])


def _rows(found: Sequence[Architecture]) -> list[tuple[str, ...]]:
    return [
        (
            one.name,
            "×".join(map(str, one.input_shape)),
            ", ".join(_repeated(one.layers)),
            f"{one.n_nodes:,}",
            f"{one.weights:,}",
            f"{one.macs / 10 ** (6 if one.macs < 10**9 else 9):.4g} {'M' if one.macs < 10**9 else 'G'}",
        )
        for one in found
    ]


def _repeated(layers: Sequence[str]) -> list[str]:
    """Return layers with equal neighbours as one: `3 × linear 9`."""
    runs: list[tuple[str, int]] = []
    for layer in layers:
        if runs and runs[-1][0] == layer:
            runs[-1] = (layer, runs[-1][1] + 1)
        else:
            runs.append((layer, 1))
    return [layer if count == 1 else f"{count} × ({layer})" for layer, count in runs]
