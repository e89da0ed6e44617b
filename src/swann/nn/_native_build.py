"""How a network's pass over a small batch is put together of what compiled code does and what PyTorch does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ._native_pass import DTYPES, Forms, GivenTensor, NativePass, Part, has_its_tensors
from ._native_stages import Finished, Form, stage_rows
from ._native_torch import dense_links, joined, output, torch_stages
from .kernels import (
    Address,
    Arrangement,
    Given,
    Held,
    Row,
    ScheduleBuilder,
    StoredMap,
    adaptive_axis,
    constant,
    copy_row,
    fill_row,
    link_row,
    offsets_by_target,
    pool_rows,
)

if TYPE_CHECKING:
    from ._network import SmallWorldLayer, SmallWorldNetwork
    from ._small_batch import LayerReading, Reading, Source


def native_pass(
    network: SmallWorldNetwork, read: Reading, forms: Forms, batch: int, dtype: torch.dtype
) -> NativePass | None:
    """Return a network's pass; None where compiled code cannot do it.

    It cannot where a map is empty, where a link pads its map with other numbers than zeros, and where `has_its_tensors`
    says no.

    Args:
        network: the network.
        read: what its links read.
        forms: what the operations after its layers do.
        batch: samples.
        dtype: type of the inputs.
    """
    layers, chain = network.each_layer(), network.plan.chain
    if not has_its_tensors(network) or any(link.pads_otherwise for layer in layers for _, link in layer.each_link()):
        return None
    if not all((batch, *chain.source_shape, *(length for layer in layers for length in layer.map_shape))):
        return None
    building = _Building(network, read, batch, dtype)
    for number, of_layer in enumerate(forms, start=1):
        building.add_layer(number, of_layer)
    return building.finished()


class _Building:
    """A pass in the making."""

    def __init__(self, network: SmallWorldNetwork, read: Reading, batch: int, dtype: torch.dtype) -> None:
        self.network, self.read, self.batch = network, read, batch
        self.dtype, self.element = dtype, DTYPES[dtype]
        self.builder = ScheduleBuilder(torch.get_num_threads())
        self.parts: list[Part] = []
        self.n_done = 0  # tables that are in the parts
        self.given: list[GivenTensor] = []
        self.maps: dict[int, StoredMap] = {}
        self.last: Finished | None = None  # the last layer's map, if compiled code finishes it
        self.operands: dict[tuple[Source, Arrangement], Held] = {}
        n_sources, *size = network.plan.chain.source_shape
        source = self._stored(n_sources, tuple(size), tuple(size), Given(0))
        self._add_table([self._hand_on(0, source)], n_sources)

    def add_layer(self, number: int, forms: tuple[Form | None, ...]) -> None:
        """Add what flows into a layer, its operations, and how its later readers find its map."""
        layer, read = self.network.each_layer()[number - 1], self.read.layers[number - 1]
        stored = read.arrangements[0].size if read.arrangements and layer.size else layer.size
        target = self._stored(layer.n_nodes, layer.size, stored)
        if read.dense:
            sources = {source: self.maps[source] for source, _ in read.dense if source}
            self._use(target, *sources.values())
            self._add_part(dense_links(layer, read.dense, sources, target))
        flows = self._inflow(layer, read, target)
        found = self._stages(layer, target, forms)
        if found is None:
            self._add_table(flows, target.n_nodes)
            self._add_torch_stages(number, layer, target)
            return
        self.maps[number], self.last = found.map, found
        finish = [*found.rows, *self._hand_on(number, found.map)]
        if len(flows) == 1:
            self._add_table([[*flows[0], *finish]], target.n_nodes)
        else:  # a node's bands are computed by several tasks
            self._add_table(flows, target.n_nodes)
            self._add_table([finish], target.n_nodes)

    def _inflow(self, layer: SmallWorldLayer, read: LayerReading, target: StoredMap) -> list[list[Row]]:
        """Return the rows that sum what flows into a layer, for each band."""
        operands = [self.operands[each] for each in zip(read.sources, read.arrangements, strict=True)]
        _, after = offsets_by_target(target.n_nodes)
        wirings = [self._give(link._buffers, "wiring", torch.int32) for link in read.sparse]
        weights = [self._give(link._parameters, "weight") for link in read.sparse]
        bias: Address = constant(0, target.n_nodes, self.element)
        if layer.bias is not None and not read.dense:
            bias = self._give(layer._parameters, "bias")
        rows: list[list[Row]] = []
        for band in target.bands():
            of_band = [] if read.dense else [fill_row(target, bias, band)]
            for arrangement, operand, wiring, weight in zip(read.arrangements, operands, wirings, weights, strict=True):
                of_band.append(
                    link_row(target, arrangement, band, operand, (wiring, replace(wiring, offset=after)), weight)
                )
            rows.append(of_band)
        return rows

    def _stages(self, layer: SmallWorldLayer, target: StoredMap, forms: tuple[Form | None, ...]) -> Finished | None:
        """Return what compiled code makes of a layer's map; None where it cannot do all that follows."""
        found: Finished | None = Finished((), target)
        for form in forms:
            if form is None or found is None:
                return None
            statistics = self._statistics(form[1], target.n_nodes) if form[0] == "norm" else ()
            found = stage_rows(self.builder, found, form, statistics)
        is_whole = found is not None and (found.map.n_nodes, *found.map.size) == layer.map_shape
        return found if is_whole else None

    def _statistics(self, norm: Any, n_nodes: int) -> tuple[Address, ...]:
        """Return the addresses of a batch norm's means, variances, weights and biases."""
        mean, variance = (self._give(norm._buffers, name) for name in ("running_mean", "running_var"))
        weight, bias = (
            constant(value, n_nodes, self.element)
            if getattr(norm, name) is None
            else self._give(norm._parameters, name)
            for name, value in (("weight", 1), ("bias", 0))
        )
        return mean, variance, weight, bias

    def _hand_on(self, number: int, source: StoredMap) -> list[Row]:
        """Return the rows that lay a map out for all its later readers."""
        rows: list[Row] = []
        for (of_map, size), wanted in self.read.wanted.items():
            if of_map != number:
                continue
            pooled = source
            if size is not None and size != source.size:
                axes = tuple(map(adaptive_axis, source.size, size))
                more, pooled = pool_rows(self.builder, source, "mean", axes)
                rows += more
            for arrangement in wanted:
                row, operand = copy_row(self.builder, pooled, arrangement)
                rows.append(row)
                self.operands[(of_map, size), arrangement] = operand
        return rows

    def _add_torch_stages(self, number: int, layer: SmallWorldLayer, target: StoredMap) -> None:
        """Add a layer's operations where compiled code cannot do all of them."""
        n_nodes, *size = layer.map_shape
        result = self._stored(n_nodes, tuple(size), tuple(size))
        self._use(target, result)
        self.maps[number], self.last = result, None
        self._add_part(torch_stages(layer, target, result))
        self._add_table([self._hand_on(number, result)], n_nodes)

    def _stored(
        self, n_nodes: int, size: tuple[int, ...], stored: tuple[int, ...], place: Address | None = None
    ) -> StoredMap:
        """Return a map, in a buffer of its own if it has no place."""
        found = StoredMap(0 if place is None else place, n_nodes, size, stored, self.batch, self.element)
        return found if place is not None else replace(found, place=self.builder.buffer(found.stride * n_nodes))

    def _use(self, *maps: StoredMap) -> None:
        """Keep maps until the part that is added next has been done."""
        for each in maps:
            self.builder.use(cast(Held, each.place))

    def _give(self, of_module: Mapping[str, Tensor | None], name: str, dtype: torch.dtype | None = None) -> Given:
        """Return the address of a tensor as it is in each pass: of the maps' type if no other is wanted."""
        self.given.append(GivenTensor(of_module, name, dtype or self.dtype))
        return Given(len(self.given))  # the inputs are before them

    def _add_table(self, bands: Sequence[Sequence[Row]], n_nodes: int) -> None:
        if any(bands):
            self.builder.add(bands, n_nodes)

    def _add_part(self, part: Part) -> None:
        """Add a part that PyTorch does, after all tables so far."""
        first, last = self.n_done, len(self.builder.tables)
        if first < last:
            self.parts.append(lambda workspace, _: workspace.run(first, last))
        self.parts.append(part)
        self.n_done = last

    def finished(self) -> NativePass:
        """Return the pass."""
        maps = [self.maps[number] for number in range(1, len(self.read.layers) + 1)]
        if self.network.plan.chain.dense:
            self._use(*maps)
            self._add_part(joined(maps))
        elif self.last is not None:
            self._use(maps[-1])
            self._add_part(output(self.last.map, self.last.is_flat))
        return NativePass(self.builder.finished(), self.given, self.parts)
