"""Learning rates and weight decay of their own for each node, by its fan-in."""

import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ..nn import SmallWorldNetwork, fan_ins


@torch.no_grad()
def scale_gradients_(network: SmallWorldNetwork, exponent: float) -> None:
    """Multiply the gradients of each node's weights by (fan-in without rewiring / fan-in) to a power.

    For SGD, with momentum too, this is a learning rate of its own for each node; weight decay stays.
    """
    for weight, factors in _weights_with_factors(network, exponent):
        weight.register_hook(_Scale(factors))  # type: ignore[no-untyped-call]


@torch.no_grad()
def scale_decay_(network: SmallWorldNetwork, exponent: float, weight_decay: float) -> None:
    """Multiply the weight decay of each node's weights by (fan-in without rewiring / fan-in) to a power.

    For optimizers that add the decay to the gradient, as SGD does; what is to be more or less is added to it here.

    Args:
        network: whose weights they are.
        exponent: the power.
        weight_decay: the optimizer's.
    """
    for weight, factors in _weights_with_factors(network, exponent):
        weight.register_hook(_Decay(weight, weight_decay * (factors - 1)))  # type: ignore[no-untyped-call]


def _weights_with_factors(network: SmallWorldNetwork, exponent: float) -> Iterator[tuple[nn.Parameter, Tensor]]:
    for spec, layer in zip(network.plan.chain.layers, network.each_layer(), strict=True):
        dense = spec.n_inputs // spec.groups * math.prod(spec.kernel)
        factors = (dense / fan_ins(layer).clamp(min=1)) ** exponent
        for _, link in layer.each_link():
            yield link.weight, factors[link.mask.nonzero()[:, 0]].view(-1, *(1,) * len(link.kernel))


class _Scale:
    def __init__(self, factors: Tensor) -> None:
        self.factors = factors

    def __call__(self, gradient: Tensor) -> Tensor:
        return gradient * self.factors.to(gradient)


class _Decay:
    def __init__(self, weight: Tensor, decay: Tensor) -> None:
        self.weight = weight
        self.decay = decay

    def __call__(self, gradient: Tensor) -> Tensor:
        return gradient + self.decay.to(gradient) * self.weight.detach()
