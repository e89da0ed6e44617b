"""Dense blocks (Huang et al. 2017): each layer reads the maps of all layers before it, joined."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from .._errors import TraceError
from ._nodes import describe, is_map, map_input, weighted_module
from ._record import Record

_CONCATENATIONS = {torch.cat, torch.concat, torch.concatenate}
_CHANNELS = 1
_HINT = "only dense blocks, in which each convolution reads the maps of all before it, may join maps"


@dataclass(frozen=True)
class DenseBlock:
    """A dense block of a record, which hands on its input and the maps of all its layers, joined.

    Args:
        source: the map that it reads.
        layers: the operations of each layer, in order.
    """

    source: fx.Node
    layers: tuple[tuple[fx.Node, ...], ...]


def is_concatenation(node: fx.Node) -> bool:
    """Return whether a node joins maps."""
    return node.op == "call_function" and node.target in _CONCATENATIONS


def dense_block(node: fx.Node, record: Record) -> DenseBlock:
    """Return the dense block whose output a node joins.

    Its maps may be joined all at once or one after another.

    Raises:
        TraceError: what the node joins are not the maps of such a block, or a layer has not exactly one convolution.
    """
    maps = _joined(node, record)
    if len(maps) < 3:
        raise TraceError(f"{describe(node)} joins the maps of fewer than two layers; {_HINT}")
    layers = []
    for number, output in enumerate(maps[1:], start=1):
        operations, read = _operations(output, maps[:number], record)
        if read != maps[:number]:
            raise TraceError(
                f"{describe(node)} joins {len(maps)} maps, but number {number + 1} of them, {describe(output)}, does "
                f"not read the {number} before it; {_HINT}"
            )
        weighted = [operation for operation in operations if weighted_module(operation, record) is not None]
        if len(weighted) != 1:
            names = ", ".join(map(describe, weighted)) or "none"
            raise TraceError(
                f"{describe(node)} joins the maps of a dense block whose layer {number} has {len(weighted)} "
                f"convolutions ({names}); only dense blocks with one convolution in each layer (no bottlenecks) "
                "can be rewired"
            )
        layers.append(operations)
    return DenseBlock(maps[0], tuple(layers))


def _operations(output: fx.Node, before: list[fx.Node], record: Record) -> tuple[tuple[fx.Node, ...], list[fx.Node]]:
    """Return the operations of a layer and the maps that it reads."""
    operations: list[fx.Node] = []
    node = output
    while node not in before and not is_concatenation(node) and node.op != "placeholder":
        operations.append(node)
        node = map_input(node, record)
    return tuple(reversed(operations)), _joined(node, record) if is_concatenation(node) else [node]


def _joined(node: fx.Node, record: Record) -> list[fx.Node]:
    """Return the maps that a node joins, those that its first one joins among them."""
    tensors: Any = node.args[0] if node.args else node.kwargs.get("tensors")
    dim = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    n_dimensions = len(record.shapes[node])
    if not isinstance(dim, int) or dim % n_dimensions != _CHANNELS:
        raise TraceError(f"{describe(node)} joins maps along dimension {dim}; expected 1, the channels")
    maps = [item for item in tensors if isinstance(item, fx.Node) and is_map(item, record)]
    if len(maps) != len(tensors) or any(item.op == "get_attr" for item in maps):
        raise TraceError(f"{describe(node)} joins other things than maps of the network; {_HINT}")
    first = _joined(maps[0], record) if is_concatenation(maps[0]) else maps[:1]
    return [*first, *maps[1:]]
