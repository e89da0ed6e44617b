from collections.abc import Sequence

import torch
from torch import nn

from .._errors import TraceError
from ..nn import Backend, Order, SmallWorldDenseNet, SmallWorldNetwork, build
from ..smallworld import Draw, check_granularity, check_probability, check_seed, search
from ..trace import trace_parts
from ._left_out import warn_of_shortcuts
from ._plan_parts import each_probability, plan_parts, rewired_graphs


def convert(
    model: nn.Module,
    example_inputs: torch.Tensor | tuple[torch.Tensor],
    p: float | Sequence[float] | None = None,
    *,
    seed: int = 0,
    draw: Draw = "nodes",
    repair: bool = True,
    order: Order = "paper",
    granularity: int = 1,
    backend: Backend = "auto",
) -> SmallWorldNetwork | SmallWorldDenseNet:
    """Return the small-world twin of a feed-forward network: as many weights, new links between distant layers.

    The twin's weights are new, of the type of the model's; train it as the model would have been. The model stays as it
    is.

    A DenseNet's twin is smaller than the DenseNet, 98K weights in 3×3 convolutions against 910K for
    `swann.models.densenet40`: in each dense block the first layer keeps reading the whole input and the others read
    the one before them alone; that chain is rewired, and has as many weights as its twin. The block hands on its input
    and the maps of all its layers, as before; all else is built as it was (SWANN paper, IV-D2).

    Args:
        model: a chain of convolutions and linear layers, a ResNet, or a DenseNet without bottlenecks. A
            ResNet's shortcuts are left out, 1×1 convolutions on them too: the twin has as many weights as what remains.
            A `LeftOutWarning` says so.
        example_inputs: a batch of inputs of shape `[batch, channels, *size]` or `[batch, features]`.
        p: the rewiring probability; by default the one of the largest small-worldness S, found by `swann.search`. For
            a DenseNet it may be one for each dense block, and is searched for each.
        seed: seeds the rewiring and the weights.
        draw: how the new end of an edge is drawn, over all free `"nodes"` or over `"layers"` first.
        repair: give every node that lost all its inputs one back.
        order: `"paper"` for activation → pooling → norm after each layer, `"keep"` for the model's own order.
        granularity: move blocks of so many neighbouring channels on both sides instead of single edges, for hardware
            that multiplies such blocks at once.
        backend: how the twin is computed, as in `SmallWorldNetwork.use_backend`.

    Returns:
        A `SmallWorldDenseNet` if the model has dense blocks, else a `SmallWorldNetwork`.

    Raises:
        TraceError: the model is not such a network.
        InvalidValueError: p is not in [0, 1], the seed is no whole number from 0 on, or the granularity does not fit
            the model.
        UnknownNameError: `draw`, `order` or `backend` is not known.
    """
    for each in () if p is None else each_probability(p):
        check_probability(each)
    check_seed(seed)
    check_granularity(granularity)
    if isinstance(model, (SmallWorldNetwork, SmallWorldDenseNet)):
        raise TraceError("the model is a small-world network already; convert the model that it came from")
    parts = trace_parts(model, example_inputs)
    warn_of_shortcuts(parts, type(model).__name__, stacklevel=2)
    if p is None:
        p = [
            search(graph, seed=seed, draw=draw, repair=repair, granularity=granularity, near_maximum=True).best_p
            for graph in rewired_graphs(parts)
        ]
    plan = plan_parts(parts, p, seed=seed, draw=draw, repair=repair, order=order, granularity=granularity)
    twin = build(plan, seed=seed).use_backend(backend)
    kinds = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}
    return twin.to(kinds.pop()) if len(kinds) == 1 else twin
