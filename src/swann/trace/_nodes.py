"""What the nodes of a record are: maps, layers, additions."""

from torch import fx, nn

from .._errors import TraceError
from ._operations import ADDITIONS
from ._record import Record

Weighted = nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear
WEIGHTED = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)


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


def path_name(node: fx.Node) -> str:
    """Return the name of a module as in the model, and of a call its own after that of the module that makes it."""
    if node.op == "call_module":
        return str(node.target)
    callers = list(node.meta.get("nn_module_stack") or ())
    return f"{callers[-1]}.{node.name}" if callers and callers[-1] else node.name


def weighted_module(node: fx.Node, record: Record) -> Weighted | None:
    """Return the convolution or linear layer that a node calls, or None."""
    if node.op != "call_module":
        return None
    module = record.modules[str(node.target)]
    return module if isinstance(module, WEIGHTED) else None
