from dataclasses import replace

import torch
from torch import fx, nn

from .._errors import TraceError
from ._chain import Chain, Shape
from ._chain_builder import ChainBuilder
from ._dense_block import DenseBlock
from ._main_path import main_path
from ._nodes import WEIGHTED, describe, map_input, weighted_module
from ._operations import describe_module, unknown_operation
from ._record import Record, record


def trace(model: nn.Module, example_inputs: torch.Tensor | tuple[torch.Tensor]) -> Chain:
    """Return the chain of convolutions and linear layers that a feed-forward network consists of.

    The shortcuts of ResNets are left out, as in the paper; the chain names them. The model, its mode and the random
    state stay untouched.

    Args:
        model: the network; it reads one tensor and returns one.
        example_inputs: a batch of inputs of shape `[batch, channels, *size]` or `[batch, features]`; only the first
            one is used.

    Returns:
        The layers and what lies between them.

    Raises:
        TraceError: the model is not such a chain; the message names the module or operation and the reason.

    >>> model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(6, 10))
    >>> print(trace(model, torch.ones(1, 1, 5, 5)))
    input: 1×5×5
    0: 5×5 conv 1 → 6 → ReLU → Flatten
    3: linear on 1×1 maps 6 → 10
    """
    parts = trace_parts(model, example_inputs)
    if any(part.dense for part in parts):
        blocks = sum(part.dense for part in parts)
        raise TraceError(
            f"{type(model).__name__} is no single chain: it has {blocks} dense block{'s' * (blocks > 1)}, and each is "
            "rewired on its own; swann.trace_parts gives their chains, swann.convert the twin of the whole"
        )
    return parts[0]


def trace_parts(model: nn.Module, example_inputs: torch.Tensor | tuple[torch.Tensor]) -> tuple[Chain, ...]:
    """Return the chains that a network with dense blocks consists of, one after another.

    A dense block's chain keeps its first layer reading the whole input of the block; each other layer reads the one
    before it alone (SWANN paper, IV-D2). Between blocks stands what the network has there. A network without dense
    blocks is one chain, that of `trace`.

    Args:
        model: the network, as for `trace`. A dense block is known by what it computes: each layer has one convolution
            and reads the joined maps (`torch.cat`) of the block's input and of all layers before it.
        example_inputs: as for `trace`.

    Raises:
        TraceError: as for `trace`, or a block that has bottlenecks.

    >>> import swann
    >>> parts = trace_parts(swann.models.densenet40(width=0.25), torch.ones(1, 3, 32, 32))
    >>> [(part.dense, part.n_weights()) for part in parts[:3]]
    [(False, 162), (True, 1053), (False, 1764)]
    """
    if isinstance(model, WEIGHTED):
        raise TraceError(f"the model is a single {type(model).__name__}; there is nothing to rewire between layers")
    recorded = record(model, example_inputs)
    path, left_out = main_path(recorded)
    has_block = any(isinstance(item, DenseBlock) for item in path)
    weighted = [item for item in path if isinstance(item, fx.Node) and weighted_module(item, recorded) is not None]
    if len(weighted) < 2 and not has_block:
        _refuse_unknown_modules(path, recorded)
        raise TraceError(
            f"{type(model).__name__} has fewer than two convolution or linear layers in a chain; "
            "there is nothing to rewire between them"
        )
    called: set[str] = set()
    parts = []
    plain: list[fx.Node] = []
    for item in path:
        if isinstance(item, fx.Node):
            plain.append(item)
            continue
        if plain:
            parts.append(_plain_chain(plain, recorded, called))
            plain = []
        parts.append(_dense_chain(item, recorded, called))
    if plain:
        parts.append(_plain_chain(plain, recorded, called))
    parts[0] = replace(parts[0], **vars(left_out))
    return tuple(parts)


def _refuse_unknown_modules(path: list[fx.Node | DenseBlock], recorded: Record) -> None:
    """Raise TraceError if a module is not understood, such as a layer that cannot be rewired."""
    for item in path:
        if isinstance(item, fx.Node) and item.op == "call_module" and weighted_module(item, recorded) is None:
            name = str(item.target)
            if describe_module(recorded.modules[name], name) is None:
                raise unknown_operation(f"{describe(item)} ({type(recorded.modules[name]).__name__})")


def _plain_chain(nodes: list[fx.Node], recorded: Record, called: set[str]) -> Chain:
    if not any(weighted_module(node, recorded) is not None for node in nodes):
        raise TraceError(
            f"{describe(nodes[0])} stands between dense blocks, or at an end of the network, without a convolution or "
            "linear layer; expected one before, between and after dense blocks"
        )
    builder = ChainBuilder(recorded, _shape(map_input(nodes[0], recorded), recorded), called)
    for node in nodes:
        builder.add(node)
    return builder.finish()


def _dense_chain(block: DenseBlock, recorded: Record, called: set[str]) -> Chain:
    builder = ChainBuilder(recorded, _shape(block.source, recorded), called)
    builder.add_dense(block)
    return builder.finish(dense=True)


def _shape(node: fx.Node, recorded: Record) -> Shape:
    """Return the shape of a map without the batch."""
    return recorded.shapes[node][1:]
