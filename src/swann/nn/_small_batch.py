"""Forward passes of small batches without gradients.

Maps stay as they are. Each one is laid out for all its later readers at once, see `swann.nn.kernels.Arrangement`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from ._link import Link, pool_to
from ._precision import summed_as
from .kernels import Arrangement, arranged, arrangements, small_layer, vector_bytes

if TYPE_CHECKING:
    from ._network import SmallWorldLayer, SmallWorldNetwork
    from .costs import Choice

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Reading:
    """What the sparse links of a network read, for one size of the batch.

    Args:
        layers: for each layer the positions of its sparse links, and how these read their sources.
        wanted: for each map, and each size that it is pooled to (None for its own), in which arrangements it is read.
    """

    layers: tuple[tuple[tuple[int, ...], tuple[Arrangement, ...]], ...]
    wanted: dict[tuple[int, Shape | None], list[Arrangement]]


def reading(network: SmallWorldNetwork, choice: Choice | None, batch: int, lanes: int) -> Reading:
    """Return what the links of a network read that are not chosen to be dense.

    Args:
        network: the network.
        choice: which links are dense; None for none.
        batch: samples.
        lanes: numbers in one vector.
    """
    layers = []
    wanted: dict[tuple[int, Shape | None], dict[Arrangement, None]] = {}
    for number, layer in enumerate(network.each_layer()):
        positions = tuple(
            position for position in range(len(layer.sources)) if choice is None or not choice[number][position]
        )
        found = arrangements(tuple(layer.link_shapes[position] for position in positions), batch, lanes)
        links = layer.each_link()
        for position, arrangement in zip(positions, found, strict=True):
            source, link = links[position]
            wanted.setdefault((source, _pooled_size(link)), {})[arrangement] = None
        layers.append((positions, found))
    return Reading(tuple(layers), {key: list(each) for key, each in wanted.items()})


def forward_small(network: SmallWorldNetwork, inputs: Tensor, choice: Choice | None = None) -> Tensor:
    """Return a small batch's outputs, computed from existing edges alone but for the links chosen to be dense.

    The arguments are as for `swann.nn._sparse.forward_sparse`.
    """
    batch = inputs.shape[0]
    lanes = vector_bytes() // (8 if inputs.dtype == torch.float64 else 4)
    key = batch, choice, lanes
    if key not in network.readings:
        network.readings[key] = reading(network, choice, batch, lanes)
    state = _Pass(network.readings[key], inputs)
    output = inputs
    for number, layer in enumerate(network.each_layer(), start=1):
        output = layer.stages(state.flow_into(layer, number))
        state.maps[number] = output.reshape(-1, *layer.map_shape)
        state.forget(network, number)
    if network.plan.chain.dense:
        return torch.cat([state.maps[number] for number in range(1, len(network.layers) + 1)], 1)
    return output


class _Pass:
    """The maps of one forward pass while later layers read them, as they are and as they are laid out."""

    def __init__(self, reading: Reading, inputs: Tensor) -> None:
        self.reading, self.inputs = reading, inputs
        self.maps: dict[int, Tensor] = {0: inputs}
        self.laid_out: dict[tuple[int, Shape | None], dict[Arrangement, Tensor]] = {}

    def forget(self, network: SmallWorldNetwork, number: int) -> None:
        """Forget what neither a layer after this one nor the output reads."""
        for key in [key for key in self.laid_out if network.last_reader[key[0]] <= number]:
            del self.laid_out[key]
        if not network.plan.chain.dense:
            for source in [source for source in self.maps if network.last_reader.get(source, 0) <= number]:
                del self.maps[source]

    def flow_into(self, layer: SmallWorldLayer, number: int) -> Tensor:
        """Return what flows into a layer through all its links, and its bias."""
        links = layer.each_link()
        if not links:
            return layer.without_inputs(self.inputs.shape[0], self.inputs)
        positions, found = self.reading.layers[number - 1]
        total: Tensor | None = None
        bias: Tensor | None = None if positions else layer.bias
        for position, (source, link) in enumerate(links):
            if position not in positions:
                flow: Tensor = link(self.maps[source], layer.dropout, bias)
                total, bias = flow if total is None else total + flow, None
        if not positions:
            return cast(Tensor, total)
        sparse = self._sparse_links(layer, [links[position] for position in positions], found)
        return sparse if total is None else total + sparse

    def _sparse_links(
        self, layer: SmallWorldLayer, links: list[tuple[int, Link]], found: tuple[Arrangement, ...]
    ) -> Tensor:
        lower, is_single = summed_as(self.maps[links[0][0]].dtype)
        operands = [
            self._operand(layer, source, link, arrangement)
            for (source, link), arrangement in zip(links, found, strict=True)
        ]
        weights: list[Tensor] = [link.weight for _, link in links]
        bias: Tensor | None = layer.bias
        if is_single:
            weights, bias = [weight.float() for weight in weights], None if bias is None else bias.float()
        size = (self.inputs.shape[0], layer.n_nodes, *layer.size)
        wirings = [cast(Tensor, link.wiring) for _, link in links]
        return small_layer(operands, found, weights, wirings, bias, size).to(lower)

    def _operand(self, layer: SmallWorldLayer, source: int, link: Link, arrangement: Arrangement) -> Tensor:
        key = source, _pooled_size(link)
        if layer.dropout.drops or link.pads_otherwise:  # no other link reads the same
            own = link.pad(layer.dropout(_pooled(self.maps[source], key[1])))
            return _arranged(own, [arrangement])[arrangement]
        if key not in self.laid_out:
            self.laid_out[key] = _arranged(_pooled(self.maps[source], key[1]), self.reading.wanted[key])
        return self.laid_out[key][arrangement]


def _pooled_size(link: Link) -> Shape | None:
    """Return the size that a map is pooled to where the link ends at a linear layer."""
    return link.kernel if link.geometry is None else None


def _pooled(source: Tensor, size: Shape | None) -> Tensor:
    return source if size is None else pool_to(source, size)


def _arranged(source: Tensor, wanted: list[Arrangement]) -> dict[Arrangement, Tensor]:
    return arranged(source if source.dtype == torch.float64 else source.float(), wanted)
