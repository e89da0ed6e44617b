import torch
from torch import nn

from .._errors import TraceError
from ..nn import Order, Plan, SmallWorldNetwork, build
from ..smallworld import Draw, check_granularity, check_probability, rewire, search
from ..trace import trace


def convert(
    model: nn.Module,
    example_inputs: torch.Tensor | tuple[torch.Tensor],
    p: float | None = None,
    *,
    seed: int = 0,
    draw: Draw = "nodes",
    repair: bool = True,
    order: Order = "paper",
    granularity: int = 1,
) -> SmallWorldNetwork:
    """Return the small-world twin of a feed-forward network: as many weights, new links between distant layers.

    The twin's weights are new; train it as the model would have been. The model stays as it is.

    Args:
        model: a chain of convolutions and linear layers, or a ResNet (its shortcuts are left out).
        example_inputs: a batch of inputs of shape `[batch, channels, *size]` or `[batch, features]`.
        p: the rewiring probability; by default the one of the largest small-worldness S, found by `swann.search`.
        seed: seeds the rewiring and the weights.
        draw: how the new end of an edge is drawn, over all free `"nodes"` or over `"layers"` first.
        repair: give every node that lost all its inputs one back.
        order: `"paper"` for activation → pooling → norm after each layer, `"keep"` for the model's own order.
        granularity: move blocks of so many neighbouring channels on both sides instead of single edges, for hardware
            that multiplies such blocks at once.

    Raises:
        TraceError: the model is not such a chain.
        InvalidValueError: p is not in [0, 1], or the granularity does not fit the model.
        UnknownNameError: `draw` or `order` is not known.
    """
    if p is not None:
        check_probability(p)
    check_granularity(granularity)
    if isinstance(model, SmallWorldNetwork):
        raise TraceError("the model is a small-world network already; convert the model that it came from")
    chain = trace(model, example_inputs)
    graph = chain.graph()
    if p is None:
        found = search(graph, seed=seed, draw=draw, repair=repair, granularity=granularity, near_maximum=True)
        p = found.best_p
    rewiring = rewire(graph, p, seed=seed, draw=draw, repair=repair, granularity=granularity)
    return build(Plan(chain, rewiring, order), seed=seed)
