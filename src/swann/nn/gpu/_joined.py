from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from .._link import convolve

if TYPE_CHECKING:
    from .._network import SmallWorldLayer


@dataclass(frozen=True)
class JoinedLinks:
    """Links into a layer that are computed as one dense product, for their kernels meet maps of one size alike.

    Args:
        positions: of the links in their layer.
        n_sources: channels of their sources together.
        index: where its edges' places in the dense weight stand in the layer's `joined_index`, beginning and end; the
            two are equal where every edge exists.
    """

    positions: tuple[int, ...]
    n_sources: int
    index: tuple[int, int]


def join_links(layer: SmallWorldLayer) -> tuple[list[JoinedLinks], Tensor]:
    """Return which links of a layer are computed together, and the places of their edges in the dense weights."""
    alike: dict[Any, list[int]] = defaultdict(list)
    links = [link for _, link in layer.each_link()]
    for position, (link, shape) in enumerate(zip(links, layer.link_shapes, strict=True)):
        alike[link.geometry, shape.source, link.kernel].append(position)
    groups, places, n_places = [], [], 0
    for positions in alike.values():
        masks = [links[position].mask for position in positions]
        n_sources = sum(mask.shape[1] for mask in masks)
        is_full = all(links[position].is_full for position in positions)
        start, first = n_places, 0
        for mask in masks if not is_full else ():
            targets, sources = mask.nonzero(as_tuple=True)
            places.append(targets * n_sources + sources + first)
            n_places += len(targets)
            first += mask.shape[1]
        groups.append(JoinedLinks(tuple(positions), n_sources, (start, n_places)))
    index = torch.cat(places) if places else torch.zeros(0, dtype=torch.int64, device=links[0].mask.device)
    return groups, index


def joined_inflow(layer: SmallWorldLayer, maps: Sequence[Tensor | None], dropout: Callable[[Tensor], Tensor]) -> Tensor:
    """Return the sum of what flows into a layer and its bias, by one dense product for all links that meet maps alike.

    Args:
        layer: a layer with links, prepared for it.
        maps: of all earlier layers, of shape `[batch, channels, *size]`.
        dropout: applied to what flows in.
    """
    links = layer.each_link()
    total: Tensor | None = None
    bias: Tensor | None = layer.bias
    for group in layer.joined:
        sources = []
        for position in group.positions:
            source, link = links[position]
            sources.append(dropout(link.pool(cast(Tensor, maps[source]))))
        given = torch.cat(sources, 1) if len(sources) > 1 else sources[0]
        weight, geometry = _weight(layer, group), links[group.positions[0]][1].geometry
        if geometry is None:
            flow = F.linear(given.flatten(1), weight.flatten(1), bias)
        else:
            flow = convolve(given, weight, bias, geometry)
        total, bias = flow if total is None else total + flow, None
    return cast(Tensor, total)


def _weight(layer: SmallWorldLayer, group: JoinedLinks) -> Tensor:
    """Return the dense weight of shape `[targets, sources of all links, *kernel]`."""
    links = [layer.each_link()[position][1] for position in group.positions]
    kernel, (start, end) = links[0].kernel, group.index
    if start == end:
        weights = [link.weight.view(layer.n_nodes, -1, *kernel) for link in links]
        return torch.cat(weights, 1) if len(weights) > 1 else weights[0]
    rows = torch.cat([link.weight for link in links])
    zeros = rows.new_zeros((layer.n_nodes * group.n_sources, *kernel))
    return zeros.index_copy(0, cast(Tensor, layer.joined_index)[start:end], rows).view(
        layer.n_nodes, group.n_sources, *kernel
    )
