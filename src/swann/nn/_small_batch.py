"""Forward passes of small batches without gradients.

Maps stay as they are. Each one is laid out for all its later readers at once, see `swann.nn.kernels.Arrangement`.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from ._hooks import has_global_hooks, is_listened_to
from ._link import Link, pool_to
from ._native_build import native_pass
from ._native_pass import DTYPES, forms_of
from ._precision import summed_as
from .kernels import Arrangement, Operand, arranged, arrangements, check_types, small_layer, vector_bytes

if TYPE_CHECKING:
    from ._network import SmallWorldLayer, SmallWorldNetwork
    from .costs import Choice

Source = tuple[int, tuple[int, ...] | None]
"""A map by its layer's number, and the size that it is pooled to; None for its own."""


@dataclass(frozen=True)
class LayerReading:
    """What the links into one layer read.

    Args:
        dense: the links that are computed densely, each with its source's number.
        sparse: the others.
        sources: what each of these reads.
        arrangements: and how.
    """

    dense: tuple[tuple[int, Link], ...]
    sparse: tuple[Link, ...]
    sources: tuple[Source, ...]
    arrangements: tuple[Arrangement, ...]


@dataclass(frozen=True)
class Reading:
    """What the links of a network read, for one size of the batch.

    Args:
        layers: for each layer.
        wanted: for each map in which arrangements its sparse links read it, but for those that pad it.
        done: for each layer the numbers of the maps that nothing reads any more after it.
    """

    layers: tuple[LayerReading, ...]
    wanted: dict[Source, tuple[Arrangement, ...]]
    done: tuple[tuple[int, ...], ...]


def reading(network: SmallWorldNetwork, choice: Choice | None, batch: int, lanes: int) -> Reading:
    """Return what the links of a network read.

    Args:
        network: the network.
        choice: which links are dense; None for none.
        batch: samples.
        lanes: numbers in one vector.
    """
    layers = []
    wanted: dict[Source, dict[Arrangement, None]] = {}
    for number, layer in enumerate(network.each_layer()):
        links = layer.each_link()
        is_dense = choice[number] if choice is not None else (False,) * len(links)
        sparse = [position for position, each in enumerate(is_dense) if not each]
        found = arrangements(tuple(layer.link_shapes[position] for position in sparse), batch, lanes)
        sources = tuple(_source(*links[position]) for position in sparse)
        for source, position, arrangement in zip(sources, sparse, found, strict=True):
            if not links[position][1].pads_otherwise:  # what such a link reads is larger than the map
                wanted.setdefault(source, {})[arrangement] = None
        dense = tuple(link for link, each in zip(links, is_dense, strict=True) if each)
        layers.append(LayerReading(dense, tuple(links[position][1] for position in sparse), sources, found))
    numbers = range(1, len(layers) + 1)
    last = {number: max(number, network.last_reader.get(number, 0)) for number in (0, *numbers)}
    done = [tuple(each for each in last if last[each] == number) for number in numbers]
    return Reading(tuple(layers), {source: tuple(each) for source, each in wanted.items()}, tuple(done))


def _source(number: int, link: Link) -> Source:
    return number, link.kernel if link.geometry is None else None


def forward_small(network: SmallWorldNetwork, inputs: Tensor, choice: Choice | None = None) -> Tensor:
    """Return a small batch's outputs, computed from existing edges alone but for the links chosen to be dense.

    The arguments are as for `swann.nn._sparse.forward_sparse`.
    """
    batch = inputs.shape[0]
    lanes = vector_bytes() // (8 if inputs.dtype == torch.float64 else 4)
    key = batch, choice, lanes
    if key not in network.readings:
        network.readings[key] = reading(network, choice, batch, lanes)
    read, keeps_all = network.readings[key], network.plan.chain.dense
    found = _forward_native(network, read, inputs, key)
    if found is not None:
        return found
    state = _Pass(read, inputs)
    output = inputs
    layers = zip(network.each_layer(), read.layers, read.done, strict=True)
    for number, (layer, of_layer, done) in enumerate(layers, start=1):
        output = state.flow_into(layer, of_layer)
        for stage in layer.stages:
            output = _halved(output) if _halves(stage, output) else stage(output)
        state.maps[number] = output.reshape(-1, *layer.map_shape)
        for unread in done:
            state.laid_out.pop(unread, None)
            if not keeps_all:
                del state.maps[unread]
    return torch.cat([state.maps[number] for number in range(1, len(read.layers) + 1)], 1) if keeps_all else output


_MOST_PASSES, _MOST_BYTES = 16, 2**28
"""Each pass keeps buffers; from so many passes or bytes of them on all are forgotten before another one is made."""


def _forward_native(network: SmallWorldNetwork, read: Reading, inputs: Tensor, key: Hashable) -> Tensor | None:
    """Return a network's outputs as compiled code makes them; None where it cannot."""
    if inputs.dtype not in DTYPES or torch.is_autocast_enabled("cpu") or has_global_hooks():
        return None
    forms = forms_of(network)
    if forms is None:
        return None
    key = key, inputs.dtype, torch.get_num_threads(), forms
    passes = network.native_passes
    if key not in passes:
        n_bytes = sum(each.schedule.n_bytes for each in passes.values() if each is not None)
        if len(passes) >= _MOST_PASSES or n_bytes > _MOST_BYTES:
            passes.clear()
        passes[key] = native_pass(network, read, forms, len(inputs), inputs.dtype)
    found = passes[key]
    return None if found is None else found(inputs)


class _Pass:
    """The maps of one forward pass while later layers read them, as they are and as they are laid out."""

    def __init__(self, reading: Reading, inputs: Tensor) -> None:
        self.reading, self.inputs = reading, inputs
        self.maps: dict[int, Tensor] = {0: inputs}
        self.laid_out: dict[int, dict[Source, dict[Arrangement, Operand]]] = {}

    def flow_into(self, layer: SmallWorldLayer, read: LayerReading) -> Tensor:
        """Return what flows into a layer through all its links, and its bias."""
        if not layer.sources:
            return layer.without_inputs(self.inputs.shape[0], self.inputs)
        total: Tensor | None = None
        bias: Tensor | None = None if read.sparse else layer.bias
        for source, link in read.dense:
            flow: Tensor = link(self.maps[source], layer.dropout, bias)
            total, bias = flow if total is None else total + flow, None
        if not read.sparse:
            return cast(Tensor, total)
        sparse = self._sparse_links(layer, read)
        return sparse if total is None else total + sparse

    def _sparse_links(self, layer: SmallWorldLayer, read: LayerReading) -> Tensor:
        lower, is_single = summed_as(self.maps[read.sources[0][0]].dtype)
        drops = layer.dropout.drops
        operands = [
            self._alone(layer, source, link, arrangement)
            if drops or link.pads_otherwise
            else self._shared(source)[arrangement]
            for source, link, arrangement in zip(read.sources, read.sparse, read.arrangements, strict=True)
        ]
        weights: list[Tensor] = [link.weight for link in read.sparse]
        wirings: list[Tensor] = [cast(Tensor, link._buffers["wiring"]) for link in read.sparse]
        bias: Tensor | None = layer.bias
        if is_single:  # weights in half precision are widened as they are loaded
            bias = None if bias is None else bias.float()
            if len({weight.dtype for weight in weights}) > 1:
                weights = [weight.float() for weight in weights]
        else:
            check_types(self.maps[read.sources[0][0]].dtype, *(weight.dtype for weight in weights))
        size = (self.inputs.shape[0], layer.n_nodes, *layer.size)
        return small_layer(operands, read.arrangements, weights, wirings, bias, size).to(lower)

    def _shared(self, source: Source) -> dict[Arrangement, Operand]:
        """Return a map as all links that read it want it."""
        of_map = self.laid_out.setdefault(source[0], {})
        if source not in of_map:
            of_map[source] = arranged(_exact(self._map(source)), self.reading.wanted[source])
        return of_map[source]

    def _alone(self, layer: SmallWorldLayer, source: Source, link: Link, arrangement: Arrangement) -> Operand:
        """Return a map as one link alone reads it: with other padding than zeros, or with a dropout of its own."""
        own = link.pad(layer.dropout(self._map(source)))
        return arranged(_exact(own), (arrangement,))[arrangement]

    def _map(self, source: Source) -> Tensor:
        number, size = source
        return self.maps[number] if size is None else pool_to(self.maps[number], size)


def _halves(stage: nn.Module, source: Tensor) -> bool:
    """Return whether a stage takes the maximum of each two by two places of a map, and nobody listens to it."""
    if type(stage) is not nn.MaxPool2d or is_listened_to(stage) or stage.return_indices:
        return False
    sizes = (stage.kernel_size, stage.stride, stage.padding, stage.dilation)
    return sizes in _HALVING and source.ndim == 4 and not (source.shape[2] % 2 or source.shape[3] % 2)


_HALVING = ((2, 2, 0, 1), ((2, 2), (2, 2), (0, 0), (1, 1)))


def _halved(source: Tensor) -> Tensor:
    """Return the same as the stage; `torch.max_pool2d` takes up to ten times as long on maps with channels first."""
    rows = torch.maximum(source[:, :, ::2], source[:, :, 1::2])
    return torch.maximum(rows[..., ::2], rows[..., 1::2])


def _exact(source: Tensor) -> Tensor:
    return source if source.dtype == torch.float64 else source.float()
