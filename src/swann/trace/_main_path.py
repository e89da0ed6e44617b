"""The way from a network's input to its output through its layers, shortcuts left out."""

from typing import Any, cast

from torch import fx, nn

from .._errors import TraceError
from ._operations import ADDITIONS
from ._record import Record

Weighted = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear
WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


def main_path(record: Record) -> tuple[list[fx.Node], list[str]]:
    """Return the operations from the input (left out) to the output, and the names of modules left out with shortcuts.

    Where two branches are added, the one with more layers is followed. The other one must be a shortcut as in a
    ResNet: the branches' common start itself, or one 1×1 convolution of it with a norm.

    Raises:
        TraceError: there is not exactly one input and one output, an operation reads several maps and is no
            shortcut's addition, or a branch that would be left out is more than a shortcut.
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
    path: list[fx.Node] = []
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
        path.append(node)
        node = map_input(node, record)
    path.reverse()
    on_path = {*path, node}
    removed = [name for shortcut in reversed(shortcuts) for name in _shortcut_modules(shortcut, on_path, record)]
    return path, removed


def map_input(node: fx.Node, record: Record) -> fx.Node:
    """Return the one map that an operation reads.

    Raises:
        TraceError: the operation reads no map or several.
    """
    if not is_map(node, record):
        raise TraceError(
            f"{describe(node)} returns no tensor; only operations from one tensor to one can stand in a chain"
        )
    maps = [source for source in node.all_input_nodes if is_map(source, record)]
    if len(maps) != 1 or node.op == "get_attr":
        what = f"reads {len(maps)} tensors" if maps else "reads no tensor that comes from the input"
        parameters = any(source.op == "get_attr" for source in node.all_input_nodes) or node.op == "get_attr"
        hint = "; put weights into nn.Conv or nn.Linear modules" if parameters else ""
        raise TraceError(
            f"{describe(node)} {what}; only chains of layers and networks with shortcuts can be rewired{hint}"
        )
    return maps[0]


def is_map(node: fx.Node, record: Record) -> bool:
    """Return whether a node's value is a tensor (and not a size or another number)."""
    return node in record.shapes


def is_addition(node: fx.Node, record: Record) -> bool:
    """Return whether a node adds two maps of the network."""
    sources = node.args[:2]
    return (
        node.op in ("call_function", "call_method")
        and node.target in ADDITIONS
        and len(sources) == 2
        and not node.kwargs
        and all(
            isinstance(source, fx.Node) and is_map(source, record) and source.op != "get_attr" for source in sources
        )
    )


def describe(node: fx.Node) -> str:
    """Return what an operation is called in errors."""
    if node.op == "call_module":
        return f"module '{node.target}'"
    name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
    return f"operation '{node.name}' ({name})"


def weighted_module(node: fx.Node, record: Record) -> Weighted | None:
    """Return the convolution or linear layer that a node calls, or None."""
    if node.op != "call_module":
        return None
    module = record.modules[str(node.target)]
    return module if isinstance(module, WEIGHTED) else None


def _as_node(value: Any) -> fx.Node:
    return cast(fx.Node, value)


def _depths(record: Record) -> dict[Any, int]:
    """Return for each node the largest number of layers on a way to it from the input."""
    depths: dict[Any, int] = {}
    for node in record.graph.nodes:
        before = max((depths[source] for source in node.all_input_nodes), default=0)
        depths[node] = before + (weighted_module(node, record) is not None)
    return depths


def _shortcut_modules(node: fx.Node, path: set[fx.Node], record: Record) -> list[str]:
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
