"""The way from a network's input to its output through its layers, shortcuts left out."""

from typing import Any, cast

from torch import fx

from .._errors import TraceError
from ._dense_block import DenseBlock, dense_block, is_concatenation
from ._nodes import describe, is_addition, map_input, weighted_module
from ._record import Record


def main_path(record: Record) -> tuple[list[fx.Node | DenseBlock], list[str]]:
    """Return the operations from the input (left out) to the output, and the names of modules left out with shortcuts.

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
    removed = [name for shortcut in reversed(shortcuts) for name in _shortcut_modules(shortcut, on_path, record)]
    return path, removed


def _as_node(value: Any) -> fx.Node:
    return cast(fx.Node, value)


def _depths(record: Record) -> dict[Any, int]:
    """Return for each node the largest number of layers on a way to it from the input."""
    depths: dict[Any, int] = {}
    for node in record.graph.nodes:
        before = max((depths[source] for source in node.all_input_nodes), default=0)
        depths[node] = before + (weighted_module(node, record) is not None)
    return depths


def _shortcut_modules(node: fx.Node, path: set[fx.Node | DenseBlock], record: Record) -> list[str]:
    """Return the names of the modules of a shortcut that ends at `node`, or refuse what is more than a shortcut."""
    modules: list[str] = []
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
        if node.op == "call_module":
            modules.append(str(node.target))
        node = map_input(node, record)
    return modules[::-1]
