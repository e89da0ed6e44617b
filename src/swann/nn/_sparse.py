from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from .kernels import (
    LinkShape,
    SharedGradients,
    apply_to_blocks,
    from_blocks,
    needs_columns,
    shared_layer,
    sparse_layer,
    to_blocks,
    to_columns,
)

if TYPE_CHECKING:
    from ._link import Link
    from ._network import SmallWorldLayer, SmallWorldNetwork

_EXACT = (torch.float32, torch.float64)


def forward_blocks(network: SmallWorldNetwork, inputs: Tensor) -> Tensor:
    """Return a network's output, computed from existing edges alone.

    Args:
        network: the network.
        inputs: of shape `[batch, *network.plan.chain.source_shape]`, after the stages before the first layer.
    """
    output = to_blocks(inputs)
    state = _Pass(network, output)
    for number, layer in enumerate(network.each_layer(), start=1):
        output = state.layer(layer)
        for stage in layer.stages:
            output = apply_to_blocks(stage, output)
        state.keep(number, output.reshape(output.shape[0], *layer.map_shape, output.shape[-1]))
    return from_blocks(output)


class _Pass:
    """The maps of one forward pass, as blocks, while later layers read them."""

    def __init__(self, network: SmallWorldNetwork, first: Tensor) -> None:
        self.maps: dict[int, Tensor] = {0: first}
        self.columns: dict[int, Tensor] = {}
        self.columns_of: dict[int, list[int]] = {}
        self.shared = SharedGradients()
        self.read: set[int] = set()
        self.alone = itertools.count(len(network.layers) + 1)  # numbers for maps that one link alone reads
        self.last_reader = network.last_reader
        self.by_columns = not torch.compiler.is_compiling() and needs_columns(first)
        self.shape = first.shape

    def keep(self, number: int, blocks: Tensor) -> None:
        """Keep the map of a layer, and forget those that no later layer reads."""
        self.maps[number] = blocks
        for source in [source for source in self.maps if self.last_reader.get(source, 0) <= number]:
            del self.maps[source]
            for column in self.columns_of.pop(source, []):
                del self.columns[column]

    def layer(self, layer: SmallWorldLayer) -> Tensor:
        """Return a layer's map before its stages."""
        links = layer.each_link()
        size = [self.shape[0], layer.n_nodes, *layer.size, self.shape[-1]]
        if not links:
            example = self.maps[max(self.maps)]
            return to_blocks(layer.without_inputs(self.shape[0] * self.shape[-1], example))
        drops = layer.dropout.drops
        operands = [
            self._operand(layer, source, link, shape, number, drops)
            for (source, link), shape, number in zip(links, layer.link_shapes, layer.columns, strict=True)
        ]
        sources = [operand for operand, _ in operands]
        weights: list[Tensor] = [link.weight for _, link in links]
        wirings = [cast(Tensor, link.wiring) for _, link in links]
        bias: Tensor | None = layer.bias
        kind = sources[0].dtype
        is_lowered = torch.is_autocast_enabled("cpu") and kind != torch.float64
        lower = torch.get_autocast_dtype("cpu") if is_lowered else kind
        if kind not in _EXACT or lower != kind:  # sums of half-precision products are kept in single precision
            sources, weights = [source.float() for source in sources], [weight.float() for weight in weights]
            bias = None if bias is None else bias.float()
        if self.by_columns or torch.compiler.is_compiling():
            total = sparse_layer(sources, weights, wirings, bias, layer.flat_shapes, size, self.by_columns)
        else:
            is_first = [self._is_first(number) for _, number in operands]
            numbers = [number for _, number in operands]
            total = shared_layer(
                self.shared, numbers, is_first, sources, weights, wirings, bias, layer.flat_shapes, size
            )
        return total.to(lower)

    def _is_first(self, number: int) -> bool:
        is_first = number not in self.read
        self.read.add(number)
        return is_first

    def _operand(
        self, layer: SmallWorldLayer, source: int, link: Link, shape: LinkShape, number: int, drops: bool
    ) -> tuple[Tensor, int]:
        """Return what a link's kernels read, and the number by which its readers share its gradient.

        A dropout that drops is another one for each link, so that no two share what they read.
        """
        if number in self.columns and not drops:
            return self.columns[number], source
        blocks = link.prepare_blocks(self.maps[source], layer.dropout.of_blocks)
        if self.by_columns:
            columns = to_columns(blocks, shape)
            if not drops:
                self.columns[number] = columns
                self.columns_of.setdefault(source, []).append(number)
            return columns, source
        return blocks, source if blocks is self.maps[source] else next(self.alone)
