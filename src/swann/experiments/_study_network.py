"""The networks of a study, made from its model."""

import math
import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from .._errors import InvalidValueError
from ..convert import convert
from ..data import ImageData
from ..nn import Plan, SmallWorldDenseNet, SmallWorldLayer, SmallWorldNetwork, build, fan_ins
from ..smallworld import small_worldness
from ..trace import Layer, Stage, trace_parts
from ._compare import Factory
from ._link_variants import vary_links
from ._node_rates import scale_decay_, scale_gradients_
from ._pointwise_links import use_pointwise_links
from ._rivals import build_rival
from ._study_settings import StudyNetwork
from ._wiring import wire

ModelFactory = Callable[..., nn.Module]
"""Makes a model from a seed, and with `shortcuts=True` where a network of a study has them."""

Twin = SmallWorldNetwork | SmallWorldDenseNet


def network_factory(network: StudyNetwork, create: ModelFactory, data: ImageData, weight_decay: float = 0.0) -> Factory:
    """Return what makes a network of a study from a seed.

    Args:
        network: what it consists of.
        create: makes the study's model.
        data: whose images it reads.
        weight_decay: the optimizer's.
    """
    if not network.converted:
        return partial(create, shortcuts=True) if network.shortcuts else create

    def make(seed: int) -> nn.Module:
        twin = _made(network, create(seed), torch.zeros(1, *data.input_shape), seed)
        for part in (module for module in twin.modules() if isinstance(module, SmallWorldNetwork)):
            for number, layer in enumerate(part.each_layer(), start=1):
                if network.initialisation == "dense":
                    _rescale_(layer, part.plan.chain.layers[number - 1])
                _scale_links_(layer, number, network)
            if network.lr_by_in_degree:
                scale_gradients_(part, network.lr_by_in_degree)
            if network.decay_by_in_degree:
                scale_decay_(part, network.decay_by_in_degree, weight_decay)
        return twin

    return make


def _made(network: StudyNetwork, model: nn.Module, example: torch.Tensor, seed: int) -> nn.Module:
    """Return the twin or the rival, with first weights of the true fan-ins."""
    given = network.of_chains()
    if not given:
        return _twin(network, model, example, seed)
    parts = trace_parts(model, example)
    if len(parts) > 1 or parts[0].dense:
        raise InvalidValueError(f"{', '.join(given)}: for chains of layers alone; the model has dense blocks")
    chain = parts[0]
    if network.dropout:
        drop = Stage("dropout", "Dropout", {"p": network.dropout})
        later = (replace(layer, dropouts=(*layer.dropouts, drop)) for layer in chain.layers[1:])
        chain = replace(chain, layers=(chain.layers[0], *later))
    if network.rival != "none":
        return build_rival(network.rival, chain, network.order, seed)
    plan = Plan(chain, wire(chain.graph(), network, seed), network.order)
    twin = build(plan, seed=seed)
    if "pointwise" in (network.long_kernel, network.linear_kernel):
        twin = use_pointwise_links(twin, network, seed)
    return vary_links(twin, network)


def _twin(network: StudyNetwork, model: nn.Module, example: torch.Tensor, seed: int) -> Twin:
    """Return the twin of the largest S among the rewirings of seeds draws · seed, draws · seed + 1, …"""
    twins = (
        convert(
            model,
            example,
            network.p,
            seed=network.draws * seed + draw,
            draw=network.draw,
            repair=network.repair,
            order=network.order,
            granularity=network.granularity,
        )
        for draw in range(network.draws)
    )
    if network.draws == 1:
        return next(twins)
    return build(max(twins, key=_small_worldness).plan, seed=seed)


def _small_worldness(twin: Twin) -> float:
    """Return S, of a DenseNet's twin the mean over its blocks."""
    plans = (twin.plan,) if isinstance(twin, SmallWorldNetwork) else twin.plan.blocks
    return statistics.fmean(small_worldness(plan.rewiring.graph, threads=1).S for plan in plans)


@torch.no_grad()
def _rescale_(layer: SmallWorldLayer, unrewired: Layer) -> None:
    """Give the weights the variance that the fan-in without rewiring asks for."""
    dense = unrewired.n_inputs // unrewired.groups * math.prod(unrewired.kernel)
    factors = (fan_ins(layer) / dense).sqrt()
    for _, link in layer.each_link():
        link.weight.mul_(factors[link.mask.nonzero()[:, 0]].view(-1, *(1,) * len(link.kernel)))


@torch.no_grad()
def _scale_links_(layer: SmallWorldLayer, number: int, network: StudyNetwork) -> None:
    has_long = any(source < number - 1 for source in layer.sources)
    for source, link in layer.each_link():
        if source < number - 1:
            link.weight.mul_(network.long_scale)
        elif has_long:
            link.weight.mul_(network.short_scale)
