import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..nn import Geometry, link_geometry, paper_order
from ..nn._dropout import InflowDropout
from ..nn._initialise import gain
from ..nn._link import convolve, pool_to
from ..trace import Chain, create_module


class DiscoveredWiring(nn.Module):
    """A chain whose wiring is learned: Discovering Neural Wirings (Wortsman, Farhadi & Rastegari, NeurIPS 2019).

    All nodes of all earlier layers have a weighted edge to each node. Of those that leave a layer, as many as leave it
    in the chain are used, the largest by their mean magnitude; so the network has the chain's number of weights at any
    time. Gradients reach all of them, as if all had been used (straight-through). An edge's kernel, stride and pooling
    are those that it would have in a small-world network.

    Args:
        chain: the layers.
        order: 'paper' or 'keep', as in `swann.nn.Plan`.
        seed: of the weights. Those that leave a layer come from one distribution, N(0, gain² / fan-in of the next
            layer in the chain), so that the first wiring is drawn uniformly.
    """

    def __init__(self, chain: Chain, *, order: str, seed: int) -> None:
        super().__init__()
        self.chain = chain
        self.input_stages = nn.Sequential(*map(create_module, chain.input_stages))
        self.n_edges = [layer.n_inputs // layer.groups * layer.n_outputs for layer in chain.layers]
        self.geometries: dict[tuple[int, int], Geometry | None] = {}
        generator = torch.Generator().manual_seed(seed)
        self.weights = nn.ParameterList()
        offsets, self.splits = chain.graph().offsets, []
        for source, layer in enumerate(chain.layers):
            n_later = offsets[-1] - offsets[source + 1]
            deviation = gain(layer) / math.sqrt(layer.n_inputs // layer.groups * math.prod(layer.kernel))
            weight = torch.empty(n_later, layer.n_inputs, *layer.kernel)
            self.weights.append(weight.normal_(0, deviation, generator=generator))
            self.splits.append([later.n_outputs for later in chain.layers[source:]])
            for target in range(source + 1, len(chain.layers) + 1):
                self.geometries[source, target] = link_geometry(chain, source, target)
        self.biases = nn.ParameterList(torch.zeros(layer.n_outputs if layer.bias else 0) for layer in chain.layers)
        self.dropouts = nn.ModuleList(InflowDropout(layer.dropouts) for layer in chain.layers)
        self.stages = nn.ModuleList(
            nn.Sequential(*map(create_module, paper_order(layer.stages) if order == "paper" else layer.stages))
            for layer in chain.layers
        )

    def used(self, source: int) -> Tensor:
        """Return which edges that leave a layer are used, boolean of shape `[later nodes, nodes]`."""
        magnitudes = self.weights[source].detach().abs()
        scores = magnitudes.flatten(2).mean(2) if magnitudes.ndim > 2 else magnitudes
        chosen = scores.flatten().topk(self.n_edges[source]).indices
        return (
            torch.zeros(scores.numel(), dtype=torch.bool, device=scores.device)
            .index_fill(0, chosen, True)
            .view_as(scores)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the output for inputs of shape `[batch, *chain.input_shape]`."""
        maps = [self.input_stages(inputs).reshape(-1, *self.chain.source_shape)]
        kept = [self._effective(source) for source in range(len(self.chain.layers))]
        output = inputs
        for number, layer in enumerate(self.chain.layers, start=1):
            bias = self.biases[number - 1]
            flows = [self._flow(source, number, maps[source], kept[source]) for source in range(number)]
            flow = flows[0]
            for each in flows[1:]:
                flow = flow + each
            if bias.numel():
                flow = flow + bias.view(-1, *(1,) * (flow.ndim - 2))
            output = self.stages[number - 1](flow)
            maps.append(output.reshape(-1, *layer.map_shape))
        return output

    def _effective(self, source: int) -> tuple[Tensor, ...]:
        """Return the weights to each later layer, zero where an edge is not used, with the gradients of all."""
        weight = self.weights[source]
        used = self.used(source).view(*weight.shape[:2], *(1,) * (weight.ndim - 2))
        straight = weight - (weight * ~used).detach()
        parts: tuple[Tensor, ...] = straight.split(self.splits[source])
        return parts

    def _flow(self, source: int, target: int, given: Tensor, kept: tuple[Tensor, ...]) -> Tensor:
        weight, geometry = kept[target - source - 1], self.geometries[source, target]
        dropout = self.dropouts[target - 1]
        if geometry is None:
            pooled = pool_to(given, self.chain.layers[source].kernel)
            return F.linear(dropout(pooled).flatten(1), weight.flatten(1))
        return convolve(dropout(given), weight, None, geometry)
