import math
from dataclasses import dataclass

from ..nn import Plan
from ..trace import Chain, Layer, create_module


@dataclass(frozen=True)
class Counts:
    """The size of a network and the cost of one input.

    Args:
        weights: trainable numbers of convolutions and linear layers, without biases.
        parameters: all trainable numbers.
        macs: multiplications of weights with inputs for one input (the paper's FLOPs).
    """

    weights: int
    parameters: int
    macs: int


def count_chain(chain: Chain) -> Counts:
    """Return the counts of the plain chain, before rewiring."""
    macs = 0
    for layer in chain.layers:
        macs += layer.n_inputs * layer.n_outputs // layer.groups * math.prod(layer.kernel) * math.prod(layer.size)
    return Counts(chain.n_weights(), chain.n_weights() + _n_other_parameters(chain), macs)


def count_plan(plan: Plan) -> Counts:
    """Return the counts of a small-world network, of its existing edges alone."""
    weights = macs = 0
    for source, target, block in plan.rewiring.graph.blocks():
        n_weights = int(block.sum()) * math.prod(plan.chain.layers[source].kernel)
        weights += n_weights
        macs += n_weights * math.prod(plan.chain.layers[target - 1].size)
    return Counts(weights, weights + _n_other_parameters(plan.chain), macs)


def _n_other_parameters(chain: Chain) -> int:
    """Return the number of biases and of parameters of norms and activations."""
    stages = [*chain.input_stages, *(stage for layer in chain.layers for stage in layer.stages)]
    of_stages = sum(parameter.numel() for stage in stages for parameter in create_module(stage).parameters())
    return of_stages + sum(_n_biases(layer) for layer in chain.layers)


def _n_biases(layer: Layer) -> int:
    return layer.n_outputs if layer.bias else 0
