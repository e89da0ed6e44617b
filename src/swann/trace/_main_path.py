"""The way from a network's input to its output through its layers, shortcuts left out."""

from dataclasses import dataclass
from typing import Any, cast

from torch import fx

from .._errors import TraceError
from ._dense_block import DenseBlock, dense_block, is_concatenation
from ._nodes import describe, is_addition, map_input, path_name, weighted_module
from ._record import Record


@dataclass(frozen=True)
class LeftOut:
    """What of a network is not on its main path.

    Args:
        shortcuts: names of the additions that end shortcuts, from the input on.
        removed: names of the operations on the shortcuts.
        removed_weights: weights of these.
    """

    shortcuts: tuple[str, ...]
    removed: tuple[str, ...]
    removed_weights: int


def main_path(record: Record) -> tuple[list[fx.Node | DenseBlock], LeftOut]:
    """Return the operations from the input (left out) to the output, and what is left out with shortcuts.

    A dense block stands as one operation.

    Where two branches are added, the one with more layers is followed. The other one must be a shortcut as in a
    ResNet: the branches' common start itself, or one 1×1 convolution of it with a norm.

    Raises:
        TraceError: there is not exactly one input and one output, an operation reads several maps and is neither a
            shortcut's addition nor a dense block, or a branch that would be left out is more than a shortcut.
    """
    inputs = [node for node in record.graph.nodes if node.op == "placeholder" and node.users]
    if len(inputs) != 1:
        raise TraceError(f"the model reads {len(inputs)} inputs; only networks with one input can be rewired")
    node = next(node for node in record.graph.nodes if node.op == "output").args[0]
    if not isinstance(node, fx.Node):
        raise TraceError(
            f"the model returns a {type(node).__name__}; only networks that return one tensor can be rewired"
        )
    depths = _depths(record)
    path: list[fx.Node | DenseBlock] = []
    shortcuts: list[fx.Node] = []
    additions: list[str] = []
    while node.op != "placeholder":
        if is_addition(node, record):
            left, right = map(_as_node, node.args[:2])
            deeper, shallower = (left, right) if depths[left] > depths[right] else (right, left)
            if depths[deeper] == depths[shallower]:
                raise TraceError(
                    f"{describe(node)} adds two branches with {depths[left]} layers before each, "
                    "so neither is a shortcut; only chains and networks with shortcuts can be rewired"
                )
            shortcuts.append(shallower)
            additions.append(path_name(node))
            node = deeper
            continue
        if is_concatenation(node):
            block = dense_block(node, record)
            path.append(block)
            node = block.source
            continue
        path.append(node)
        node = map_input(node, record)
    path.reverse()
    on_path = {*path, node}
    removed = [each for shortcut in reversed(shortcuts) for each in _operations(shortcut, on_path, record)]
    weighted = [module for each in removed if (module := weighted_module(each, record)) is not None]
    n_weights = sum(module.weight.numel() for module in weighted)
    return path, LeftOut(tuple(reversed(additions)), tuple(map(path_name, removed)), n_weights)


def _as_node(value: Any) -> fx.Node:
    return cast(fx.Node, value)


def _depths(record: Record) -> dict[Any, int]:
    """Return for each node the largest number of layers on a way to it from the input."""
    depths: dict[Any, int] = {}
    for node in record.graph.nodes:
        before = max((depths[source] for source in node.all_input_nodes), default=0)
        depths[node] = before + (weighted_module(node, record) is not None)
    return depths


def _operations(node: fx.Node, path: set[fx.Node | DenseBlock], record: Record) -> list[fx.Node]:
    """Return the operations of a shortcut that ends at `node`, or refuse what is more than a shortcut."""
    operations: list[fx.Node] = []
    n_weighted = 0
    while node not in path and not is_addition(node, record):
        module = weighted_module(node, record)
        if module is not None:
            n_weighted += 1
            kernel = getattr(module, "kernel_size", ())
            if n_weighted > 1 or not kernel or set(kernel) != {1}:
                raise TraceError(
                    f"{describe(node)} is on a branch beside the main one and is more than a shortcut; a shortcut is "
                    "an identity or one 1×1 convolution; only chains and networks with shortcuts can be rewired"
                )
        operations.append(node)
        node = map_input(node, record)
    return operations[::-1]
