import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from ..nn import Plan
from ..trace import KINDS, Chain, Layer, Stage, create_module

_BYTES = 4
_WITHOUT_MAP = ("flatten", "identity")


@dataclass(frozen=True)
class Counts:
    """The size of a network or of one of its layers, and the cost of one input.

    Args:
        weights: trainable numbers of convolutions and linear layers, without biases.
        parameters: all trainable numbers.
        macs: multiplications of weights with inputs for one input (the paper's FLOPs; torch's flop counter gives twice
            as many). A kernel is multiplied whole at each place of its output, also where it lies over the padding.
            Biases, sums, norms, activations and poolings are not counted.
        activation_bytes: bytes of the float32 maps that are written for one input at inference: by each convolution and
            linear layer, and by each operation after it but flattening, as if none were fused. Not counted are the
            input, copies that a convolution makes of its input (padded ones, or its workspace) and weights.
    """

    weights: int
    parameters: int
    macs: int
    activation_bytes: int = 0

    @classmethod
    def total(cls, counts: "Iterable[Counts]") -> "Counts":
        """Return the sum of counts.

        >>> Counts.total([Counts(1, 2, 3, 4), Counts(10, 20, 30, 40)])
        Counts(weights=11, parameters=22, macs=33, activation_bytes=44)
        """
        rows = [(each.weights, each.parameters, each.macs, each.activation_bytes) for each in counts]
        return cls(*map(sum, zip(*rows, strict=True)))


def count_chain(chain: Chain) -> Counts:
    """Return the counts of the plain chain, before rewiring."""
    return Counts.total(count_chain_layers(chain))


def count_plan(plan: Plan, *, as_executed: bool = False) -> Counts:
    """Return the counts of a small-world network, of its existing edges alone or as the masked backend executes it.

    Args:
        plan: what the network consists of.
        as_executed: as in `count_plan_layers`.
    """
    return Counts.total(count_plan_layers(plan, as_executed=as_executed))


def count_chain_layers(chain: Chain) -> tuple[Counts, ...]:
    """Return the counts of each layer of the plain chain; the first are those of the operations on the input."""
    counts = [_count_stages(chain.input_stages, chain.input_shape)]
    for layer in chain.layers:
        weights = layer.n_inputs * layer.n_outputs // layer.groups * math.prod(layer.kernel)
        counts.append(_count_layer(layer, layer.stages, weights, weights * math.prod(layer.size), 1))
    return _with_output(counts, chain)


def count_dense_block(chain: Chain) -> tuple[int, int]:
    """Return the weights and multiplications of the dense block that a chain comes from.

    In the block each layer reads the block's input and the maps of all layers before it, in the chain (but for the
    first layer) the map of the one before alone.

    Args:
        chain: the chain of a dense block.
    """
    n_weights = n_macs = 0
    for number, layer in enumerate(chain.layers):
        weights = sum(chain.sizes[: number + 1]) * layer.n_outputs // layer.groups * math.prod(layer.kernel)
        n_weights += weights
        n_macs += weights * math.prod(layer.size)
    return n_weights, n_macs


def count_plan_layers(plan: Plan, *, as_executed: bool = False) -> tuple[Counts, ...]:
    """Return the counts of each layer of a small-world network, of the links that end there.

    Args:
        plan: what the network consists of.
        as_executed: count what the masked backend executes: the whole block of each link, with the zeros of edges that
            do not exist (also those between groups), and the maps of each link on the way, which are its product, its
            sum with those before and its averaged input where it ends at a linear layer. Otherwise only existing
            edges count, and of each layer one map that all of them are summed up in.

    Returns:
        The counts of the operations on the input, then those of each layer.
    """
    chain = plan.chain
    weights = [0] * len(chain.layers)
    n_links, averaged = weights.copy(), weights.copy()
    for source, target, block in plan.rewiring.graph.blocks():
        kernel = chain.layers[source].kernel
        weights[target - 1] += (block.size if as_executed else int(np.count_nonzero(block))) * math.prod(kernel)
        n_links[target - 1] += 1
        if chain.layers[target - 1].kind == "linear" and chain.map_shape(source)[1:] != kernel:
            averaged[target - 1] += _BYTES * chain.sizes[source] * math.prod(kernel)
    counts = [_count_stages(chain.input_stages, chain.input_shape)]
    for index, layer in enumerate(chain.layers):
        n_maps = max(1, 2 * n_links[index] - 1) if as_executed else 1
        macs = weights[index] * math.prod(layer.size)
        of_inputs = averaged[index] if as_executed else 0
        counts.append(_count_layer(layer, plan.stages(layer), weights[index], macs, n_maps, of_inputs))
    return _with_output(counts, chain)


def _with_output(counts: list[Counts], chain: Chain) -> tuple[Counts, ...]:
    """Return the counts of layers, the last with the joined map that a dense block writes."""
    if not chain.dense:
        return tuple(counts)
    joined = Counts(0, 0, 0, _BYTES * math.prod(chain.output_shape))
    return (*counts[:-1], Counts.total((counts[-1], joined)))


def _count_layer(
    layer: Layer, stages: tuple[Stage, ...], weights: int, macs: int, n_maps: int, of_inputs: int = 0
) -> Counts:
    """Return a layer's counts, with its bias and stages.

    Args:
        layer: the layer.
        stages: what is applied to its sum, in order.
        weights: of the links that end at it.
        macs: of these links.
        n_maps: how many maps of the sum's shape are written.
        of_inputs: bytes of the maps made of its inputs.
    """
    shape = (layer.n_outputs, *layer.size)
    bias = layer.n_outputs if layer.bias else 0
    own = Counts(weights, weights + bias, macs, _BYTES * n_maps * math.prod(shape) + of_inputs)
    return Counts.total((own, _count_stages(stages, shape)))


def _count_stages(stages: tuple[Stage, ...], shape: tuple[int, ...]) -> Counts:
    """Return the parameters of operations and the maps that they write, found by running them on one input of zeros."""
    parameters = n_bytes = 0
    with torch.device("cpu"), torch.no_grad():
        example = torch.zeros(1, *shape)
        for stage in stages:
            module = create_module(stage).eval()
            parameters += sum(parameter.numel() for parameter in module.parameters())
            example = module(example)
            if KINDS[stage.operation] not in _WITHOUT_MAP:
                n_bytes += _BYTES * example.numel()
    return Counts(0, parameters, 0, n_bytes)
