from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ._batch_norm import can_train, trained_norm
from ._block_pass import forward_in_one_call
from ._finish import finishing_of
from ._hooks import has_hooks
from ._precision import summed_as
from ._small_batch import forward_small
from .kernels import (
    SMALL_BATCH,
    Finishing,
    SharedGradients,
    apply_to_blocks,
    finished,
    from_blocks,
    has_halves,
    shared_layer,
    shared_pool,
    sparse_layer,
    to_blocks,
    to_halves,
)

if TYPE_CHECKING:
    from ._link import Link
    from ._network import SmallWorldLayer, SmallWorldNetwork
    from .costs import Choice


def forward_sparse(network: SmallWorldNetwork, inputs: Tensor, choice: Choice | None = None) -> Tensor:
    """Return a network's output, computed from existing edges alone but for the links chosen to be dense.

    Of a dense block the maps of all layers are returned, joined, without the input.

    Args:
        network: the network.
        inputs: of shape `[batch, *network.plan.chain.source_shape]`, after the stages before the first layer.
        choice: which links are dense; None for none.
    """
    if torch.compiler.is_compiling() or not torch.is_autocast_enabled("cpu") or not _is_single(network, inputs):
        return _forward(network, inputs, choice)
    lower = torch.get_autocast_dtype("cpu")
    with torch.autocast("cpu", enabled=False):  # maps are in single precision, only products and the output are not
        return _forward(network, inputs.float(), choice, lower).to(lower)


def _is_single(network: SmallWorldNetwork, inputs: Tensor) -> bool:
    """Return whether weights are in single precision, and inputs in no higher one."""
    return inputs.dtype != torch.float64 and all(
        link.weight.dtype == torch.float32 for layer in network.each_layer() for _, link in layer.each_link()
    )


def _forward(
    network: SmallWorldNetwork, inputs: Tensor, choice: Choice | None, lower: torch.dtype | None = None
) -> Tensor:
    """Return what `forward_sparse` does; products are of type `lower` where there are kernels for that."""
    as_blocks = torch.compiler.is_compiling() or torch.is_grad_enabled() or network.pools_otherwise
    if not as_blocks and inputs.shape[0] < SMALL_BATCH:  # in this order: a traced batch may be of any size
        return forward_small(network, inputs, choice)
    is_sparse = choice is None or not any(map(any, choice))
    if is_sparse and not torch.compiler.is_compiling():
        found = forward_in_one_call(network, inputs, lowers=lower == torch.bfloat16)
        if found is not None:
            return found
    state = _Pass(network, inputs, lower)
    output, is_blocks = inputs, False
    for number, layer in enumerate(network.each_layer(), start=1):
        dense = (False,) * len(layer.sources) if choice is None else choice[number - 1]
        is_blocks = not layer.sources or not all(dense)
        output, n_finished = state.layer(layer, dense)
        if is_blocks:
            output = _staged(
                tuple(layer.stages)[n_finished:], output, is_sum=n_finished == 0, is_read=state.reads(number)
            )
            state.keep(number, output.reshape(output.shape[0], *layer.map_shape, output.shape[-1]), is_blocks)
            if is_sparse and lower == torch.bfloat16 and not torch.is_grad_enabled() and state.reads(number):
                state.read_ahead(network, number)
        else:
            output = layer.stages(output)
            state.keep(number, output.reshape(-1, *layer.map_shape), is_blocks)
    if network.plan.chain.dense:
        return torch.cat([state.plain_map(number) for number in range(1, len(network.layers) + 1)], 1)
    return from_blocks(output) if is_blocks else output


def _staged(stages: Sequence[nn.Module], blocks: Tensor, *, is_sum: bool, is_read: bool) -> Tensor:
    """Return what some stages make of blocks.

    Args:
        stages: in order, up to a layer's last.
        blocks: they are overwritten where they are a layer's sums, which nobody else has.
        is_sum: whether they are that.
        is_read: whether only later layers read the result, whose gradient is nobody else's then.
    """
    left = list(stages)
    while left:
        stage = left.pop(0)
        rectifies = type(stage) is nn.ReLU and not has_hooks(stage) and len(left) > 0 and _trains(left[0], blocks)
        if rectifies:
            stage = left.pop(0)
        if rectifies or _trains(stage, blocks):
            norm = cast(_BatchNorm, stage)
            blocks = trained_norm(norm, blocks, rectifies=rectifies, overwrites=is_read and not left)
        elif has_hooks(stage):  # who listens sees maps as they are elsewhere
            blocks = to_blocks(stage(from_blocks(blocks)))
        elif is_sum and type(stage) is nn.ReLU and not torch.compiler.is_compiling():
            blocks = blocks.relu_()
        else:
            blocks = apply_to_blocks(stage, blocks)
        is_sum = False
    return blocks


def _trains(stage: nn.Module, blocks: Tensor) -> bool:
    return isinstance(stage, _BatchNorm) and not torch.compiler.is_compiling() and can_train(stage, blocks)


class _Pass:
    """The maps of one forward pass, as they are or as blocks or both, while later layers read them."""

    def __init__(self, network: SmallWorldNetwork, inputs: Tensor, lower: torch.dtype | None) -> None:
        self.inputs, self.lower = inputs, lower
        self.halves: dict[int, dict[int, Tensor]] = defaultdict(dict)  # by source, then by the number of what is read
        self.plain: dict[int, Tensor] = {0: inputs}
        self.blocks: dict[int, Tensor] = {}
        self.pooled: dict[int, dict[int, Tensor]] = defaultdict(dict)  # by source, then by a number of `layer.ways`
        self.shared = SharedGradients()
        self.read: set[int] = set()
        self.alone = itertools.count(len(network.layers) + 1)  # numbers for maps that one link alone reads
        self.last_reader = network.last_reader
        self.dense = network.plan.chain.dense

    def reads(self, number: int) -> bool:
        """Return whether later layers read the map of a layer, and nobody else."""
        return self.last_reader.get(number, 0) > number and not self.dense

    def keep(self, number: int, output: Tensor, is_blocks: bool) -> None:
        """Keep the map of a layer, and forget those that neither a later layer nor the output reads."""
        (self.blocks if is_blocks else self.plain)[number] = output
        kept: tuple[dict[int, Any], ...] = (self.pooled, self.halves)
        if not self.dense:
            kept = (*kept, self.plain, self.blocks)
        for maps in kept:
            for source in [source for source in maps if self.last_reader.get(source, 0) <= number]:
                del maps[source]

    def read_ahead(self, network: SmallWorldNetwork, number: int) -> None:
        """Put a map into halves as all later layers read it, and forget the map itself; without gradients alone."""
        readers = [
            (layer, link, way)
            for layer in network.each_layer()[number:]
            for (source, link), way in zip(layer.each_link(), layer.ways, strict=True)
            if source == number
        ]
        if any(layer.dropout.drops or link.pads_otherwise for layer, link, _ in readers):
            return
        found = self.blocks[number]
        for layer, link, way in readers:
            operand, name = self._operand(layer, number, link, way)
            if self._halves([number], [name], [operand]) is None:
                return
        shape_alone = found.new_empty(()).expand(found.shape)
        self.blocks[number] = shape_alone
        for way, pooled in self.pooled[number].items():
            if pooled is found:
                self.pooled[number][way] = shape_alone

    def layer(self, layer: SmallWorldLayer, dense: Sequence[bool]) -> tuple[Tensor, int]:
        """Return a layer's map, as blocks unless all of its links are dense, and after how many of its stages."""
        if not layer.sources:
            return to_blocks(layer.without_inputs(self.inputs.shape[0], self.inputs)), 0
        total: Tensor | None = None
        bias: Tensor | None = layer.bias if all(dense) else None
        for (source, link), is_dense in zip(layer.each_link(), dense, strict=True):
            if is_dense:
                with torch.autocast("cpu", self.lower, enabled=self.lower is not None):
                    flow: Tensor = link(self.plain_map(source), layer.dropout, bias)
                flow = flow.to(self.inputs.dtype)
                total, bias = flow if total is None else total + flow, None
        if all(dense):
            return cast(Tensor, total), 0
        finishing, n_finished = self._finishing(layer) if total is None or not torch.is_grad_enabled() else (None, 0)
        positions = [position for position, is_dense in enumerate(dense) if not is_dense]
        blocks = self._sparse_links(layer, positions, None if total is not None else finishing)
        if total is not None:
            blocks = blocks + to_blocks(total)
            if finishing is not None:
                blocks = finished(blocks, finishing)
        return blocks, n_finished

    def _finishing(self, layer: SmallWorldLayer) -> tuple[Finishing | None, int]:
        """Return what the kernels do of a layer's stages, and how many that is."""
        dtype = self.inputs.dtype
        if torch.compiler.is_compiling() or summed_as(dtype) != (dtype, False):
            return None, 0
        return finishing_of(layer.stages, layer.n_nodes, layer.size, dtype)

    def plain_map(self, number: int) -> Tensor:
        """Return a map of shape `[batch, channels, *size]`."""
        if number not in self.plain:
            self.plain[number] = from_blocks(self.blocks[number])
        return self.plain[number]

    def _blocks(self, number: int) -> Tensor:
        """Return a map of shape `[blocks, channels, *size, block]`."""
        if number not in self.blocks:
            self.blocks[number] = to_blocks(self.plain[number])
        return self.blocks[number]

    def _sparse_links(
        self, layer: SmallWorldLayer, positions: Sequence[int], finishing: Finishing | None = None
    ) -> Tensor:
        """Return what flows into a layer through some of its links, and its bias, as blocks, finished if asked."""
        every_link = layer.each_link()
        links = [every_link[position] for position in positions]
        shapes = layer.flat_shapes
        if len(positions) < len(every_link):
            shapes = [number for position in positions for number in layer.link_shapes[position].flat()]
        operands = [
            self._operand(layer, source, link, layer.ways[position])
            for (source, link), position in zip(links, positions, strict=True)
        ]
        first = self._blocks(links[0][0])
        size = [first.shape[0], layer.n_nodes, *layer.size, first.shape[-1]]
        sources = [operand for operand, _ in operands]
        weights: list[Tensor] = [link.weight for _, link in links]
        wirings = [cast(Tensor, link.wiring) for _, link in links]
        bias: Tensor | None = layer.bias
        lower, is_single = summed_as(sources[0].dtype)
        if is_single:
            sources, weights = [source.float() for source in sources], [weight.float() for weight in weights]
            bias = None if bias is None else bias.float()
        if torch.compiler.is_compiling():
            total = sparse_layer(sources, weights, wirings, bias, shapes, size)
        else:
            is_first = [self._is_first(number) for _, number in operands]
            numbers = [number for _, number in operands]
            halves = self._halves([source for source, _ in links], numbers, sources)
            total = shared_layer(
                *(self.shared, numbers, is_first, sources, weights, wirings, bias, shapes, size, finishing, halves)
            )
        return total.to(lower)

    def _halves(self, read: Sequence[int], numbers: Sequence[int], operands: Sequence[Tensor]) -> list[Tensor] | None:
        """Return what links read in halves; None where products are not to be of bfloat16, or cannot be."""
        can = all(has_halves((each.shape[0], each.shape[-1]), each.dtype) for each in operands)
        if self.lower != torch.bfloat16 or not can:
            return None
        for source, number, operand in zip(read, numbers, operands, strict=True):
            if number not in self.halves[source]:
                self.halves[source][number] = to_halves(operand.detach())
        return [self.halves[source][number] for source, number in zip(read, numbers, strict=True)]

    def _pooled(self, source: int, link: Link, given: Tensor) -> Tensor:
        """Return the map that a link reads: pooled where it ends at a linear layer."""
        if not link.pools(given) or link.pools_otherwise or torch.compiler.is_compiling():
            return link.pool_blocks(given)
        return shared_pool(self.shared, source, self._is_first(source), link.kernel, given)

    def _is_first(self, number: int) -> bool:
        is_first = number not in self.read
        self.read.add(number)
        return is_first

    def _operand(self, layer: SmallWorldLayer, source: int, link: Link, way: int) -> tuple[Tensor, int]:
        """Return what a link's kernels read, and the number by which its readers share its gradient.

        A dropout that drops is another one for each link, so that no two share what they read.
        """
        given = self._blocks(source)
        if way not in self.pooled[source]:
            self.pooled[source][way] = self._pooled(source, link, given)
        pooled = self.pooled[source][way]
        blocks = link.pad_blocks(layer.dropout.of_blocks(pooled))
        if blocks is given:
            return given, source
        return blocks, -1 - way if blocks is pooled else next(self.alone)
