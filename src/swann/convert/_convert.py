import torch
from torch import nn

from .._errors import TraceError
from ..nn import Order, Plan, SmallWorldNetwork, build
from ..smallworld import Draw, check_probability, rewire, search
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

    Raises:
        TraceError: the model is not such a chain.
        InvalidValueError: p is not in [0, 1].
        UnknownNameError: `draw` or `order` is not known.
    """
    if p is not None:
        check_probability(p)
    if isinstance(model, SmallWorldNetwork):
        raise TraceError("the model is a small-world network already; convert the model that it came from")
    chain = trace(model, example_inputs)
    if p is None:
        p = search(chain.graph(), seed=seed, draw=draw, repair=repair, near_maximum=True).best_p
    plan = Plan(chain, rewire(chain.graph(), p, seed=seed, draw=draw, repair=repair), order)
    return build(plan, seed=seed)
