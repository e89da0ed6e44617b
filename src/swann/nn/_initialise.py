import math

import torch
from torch import Tensor, nn

from ..trace import KINDS, Layer, Stage
from ._dense_net import SmallWorldDenseNet
from ._network import SmallWorldLayer, SmallWorldNetwork

_LIKE_RELU = ("ReLU", "ReLU6", "GELU", "SiLU", "Mish", "ELU", "CELU", "Hardswish", "PReLU", "Softplus")
_GAINS = {**dict.fromkeys(_LIKE_RELU, math.sqrt(2)), "Tanh": 5 / 3, "SELU": 3 / 4}


def initialise_(network: SmallWorldNetwork | SmallWorldDenseNet, generator: torch.Generator) -> None:
    """Draw all weights anew: N(0, gain² / fan-in) with the true fan-in of each node, biases zero.

    A node's fan-in is the number of weights of all edges that end at it, from all layers together; so a node keeps the
    variance of its inputs however few or many edges the rewiring left it (He et al. 2015, for a sparse network).
    """
    parts = [module for module in network.modules() if isinstance(module, SmallWorldNetwork)]
    after = [*(part.plan.chain.input_stages for part in parts[1:]), ()]
    for part, following in zip(parts, after, strict=True):
        last = len(part.layers)
        for number, (spec, layer) in enumerate(zip(part.plan.chain.layers, part.each_layer(), strict=True), start=1):
            _initialise_layer_(layer, gain(spec, following if number == last else ()), generator)


@torch.no_grad()
def _initialise_layer_(layer: SmallWorldLayer, gain_: float, generator: torch.Generator) -> None:
    fan_in = fan_ins(layer)
    for _, link in layer.each_link():
        targets = link.mask.nonzero()[:, 0]
        deviation = gain_ / fan_in[targets].sqrt()
        link.weight.normal_(generator=generator)
        link.weight.mul_(deviation.view(-1, *(1,) * len(link.kernel)))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def fan_ins(layer: SmallWorldLayer) -> Tensor:
    """Return the number of weights that end at each node of a layer, of shape `[n_nodes]`."""
    total = torch.zeros(layer.n_nodes)
    for _, link in layer.each_link():
        total += link.mask.sum(1) * math.prod(link.kernel)
    return total


def gain(layer: Layer, following: tuple[Stage, ...] = ()) -> float:
    """Return the gain of the first activation after a layer, as in `torch.nn.init.calculate_gain`; 1 without one.

    Args:
        layer: the layer.
        following: operations after the layer's own, at the beginning of what reads its map.
    """
    for stage in (*layer.stages, *following):
        if KINDS[stage.operation] == "activation":
            slope = stage.arguments.get("negative_slope", 0.01)
            leaky = math.sqrt(2 / (1 + slope**2)) if stage.operation == "LeakyReLU" else 1.0
            return _GAINS.get(stage.operation, leaky)
    return 1.0
