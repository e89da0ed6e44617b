"""Chains whose layers read several earlier maps through joins without weights of edges."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._errors import InvalidValueError
from ..nn import Link, link_geometry, paper_order
from ..nn._dropout import InflowDropout
from ..nn._initialise import gain
from ..nn._link import pool_to
from ..trace import Chain, Layer, Stage, create_module

Shape = tuple[int, ...]
Join = Literal["sum", "concatenate"]


class AggregatedChain(nn.Module):
    """The layers of a chain, each with one convolution of what earlier layers hand on, joined.

    A map is brought to the size that a layer reads by average pooling (a layer of neurons reads a map's means). To be
    summed it gets the channels that the layer reads, those it lacks being zero (He et al. 2016, shortcuts of option A).

    Args:
        chain: the layers; joined by concatenation each reads the channels of all its maps.
        reads: for each layer the numbers of the earlier ones that it reads, 0 being the input.
        join: 'sum' or 'concatenate'.
        gated: multiply each map of a sum by the sigmoid of a weight that starts at 0 (Xie et al. 2019).
        order: 'paper' or 'keep', as in `swann.nn.Plan`.
        seed: of the weights, N(0, gain² / fan-in).

    Raises:
        InvalidValueError: grouped convolutions that would read a concatenation.
    """

    def __init__(
        self, chain: Chain, reads: Sequence[Sequence[int]], join: Join, *, gated: bool, order: str, seed: int
    ) -> None:
        super().__init__()
        self.chain, self.join = chain, join
        self.reads = [list(numbers) for numbers in reads]
        self.input_stages = _modules(chain.input_stages)
        generator = torch.Generator().manual_seed(seed)
        links, biases = [], []
        for number, (layer, sources) in enumerate(zip(chain.layers, self.reads, strict=True), start=1):
            if join == "sum":
                mask = torch.from_numpy(chain.graph().block(number - 1, number).T.copy())
            elif layer.groups > 1:
                raise InvalidValueError(f"layer {layer.name}: a grouped convolution cannot read a concatenation")
            else:
                mask = torch.ones(layer.n_outputs, sum(chain.sizes[source] for source in sources), dtype=torch.bool)
            link = Link(mask, layer.kernel, link_geometry(chain, number - 1, number))
            fan_in = mask.sum(1).float().mean().item() * math.prod(layer.kernel)
            nn.init.normal_(link.weight, 0, gain(layer) / math.sqrt(fan_in), generator)
            links.append(link)
            biases.append(nn.Parameter(torch.zeros(layer.n_outputs)) if layer.bias else None)
        self.links = nn.ModuleList(links)
        self.biases = nn.ParameterList([torch.zeros(0) if bias is None else bias for bias in biases])
        self.gates = nn.ParameterList(torch.zeros(len(numbers)) for numbers in self.reads) if gated else None
        self.dropouts = nn.ModuleList(InflowDropout(layer.dropouts) for layer in chain.layers)
        self.stages = nn.ModuleList(
            _modules(paper_order(layer.stages) if order == "paper" else layer.stages) for layer in chain.layers
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the output for inputs of shape `[batch, *chain.input_shape]`."""
        maps = [self.input_stages(inputs).reshape(-1, *self.chain.source_shape)]
        output = inputs
        for position, layer in enumerate(self.chain.layers):
            link, bias = cast(Link, self.links[position]), self.biases[position]
            flow = link(self._joined(position, maps), self.dropouts[position], bias if bias.numel() else None)
            output = self.stages[position](flow)
            maps.append(output.reshape(-1, *layer.map_shape))
        return output

    def _joined(self, position: int, maps: Sequence[Tensor]) -> Tensor:
        """Return what a layer reads."""
        shape = self.chain.map_shape(position)
        found = [_resized(maps[source], shape[1:]) for source in self.reads[position]]
        if self.join == "concatenate":
            return torch.cat(found, 1)
        found = [_with_channels(each, shape[0]) for each in found]
        if self.gates is not None:
            found = [gate * each for gate, each in zip(self.gates[position].sigmoid(), found, strict=True)]
        return torch.stack(found).sum(0) if len(found) > 1 else found[0]


def scaled_chain(chain: Chain, width: float) -> Chain:
    """Return a chain of which each layer but the last has `width` times as many nodes, 1 at least.

    Raises:
        InvalidValueError: an operation whose weights depend on the number of nodes and that is no batch norm.
    """
    layers: list[Layer] = []
    n_inputs = chain.source_shape[0]
    for layer in chain.layers[:-1]:
        n_outputs = max(1, round(layer.n_outputs * width))
        stages = tuple(_with_features(stage, layer.n_outputs, n_outputs) for stage in layer.stages)
        shape = (n_outputs, *layer.map_shape[1:])
        layers.append(replace(layer, n_inputs=n_inputs, n_outputs=n_outputs, stages=stages, map_shape=shape))
        n_inputs = n_outputs
    return replace(chain, layers=(*layers, replace(chain.layers[-1], n_inputs=n_inputs)))


def _with_features(stage: Stage, before: int, after: int) -> Stage:
    arguments = dict(stage.arguments)
    if stage.operation.startswith("BatchNorm"):
        arguments["num_features"] = after
    elif stage.operation in ("GroupNorm", "LayerNorm", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d"):
        raise InvalidValueError(f"stage {stage.name}: {stage.operation} of {before} nodes cannot be made narrower")
    return replace(stage, arguments=arguments)


def _resized(source: Tensor, size: Shape) -> Tensor:
    if not size:
        return source.flatten(2).mean(2) if source.ndim > 2 else source
    if source.ndim == 2:
        return source.view(*source.shape, *(1,) * len(size)).expand(-1, -1, *size)
    return pool_to(source, size)


def _with_channels(source: Tensor, n_channels: int) -> Tensor:
    missing = n_channels - source.shape[1]
    return F.pad(source, (*(0, 0) * (source.ndim - 2), 0, missing)) if missing else source


def _modules(stages: Sequence[Stage]) -> nn.Sequential:
    return nn.Sequential(*map(create_module, stages))
