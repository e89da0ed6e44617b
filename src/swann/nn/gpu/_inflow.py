"""What flows into a layer on a GPU, in the forms that it can be computed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import Tensor

from ._check import KINDS
from ._joined import join_links, joined_inflow
from ._operator import BlockLayer, block_layer
from ._pool import Pool
from ._tables import block_tables, choose_tile

if TYPE_CHECKING:
    from .._link import Link
    from .._network import SmallWorldLayer

Form = Literal["masked", "joined", "blocks"]

Maps = list[Tensor | None]
Dropout = Callable[[Tensor], Tensor]


def prepare(layer: SmallWorldLayer, form: Form) -> None:
    """Make what a layer needs for a form, unless it has it already, on the device of the layer's masks.

    Masks may be read from a file at any time; what was made of others is made again.
    """
    links = [link for _, link in layer.each_link()]
    changes = [link.changes for link in links]
    if form == "masked" or not links or layer.prepared.get(form) == changes:
        return
    if form == "blocks" and not _is_planar(layer):
        return
    with torch.inference_mode(False):  # what is made in that mode could not be kept for a backward pass
        if form == "joined":
            layer.joined, layer.joined_index = join_links(layer)
        else:
            masks = [link.mask for link in links]
            layout, tables = block_tables(masks, layer.link_shapes, choose_tile(masks))
            layer.layout, layer.tables = layout.flat(), tables.to(masks[0].device)
    layer.prepared[form] = changes


def can_use_blocks(layer: SmallWorldLayer, maps: Sequence[Tensor | None]) -> bool:
    """Return whether block kernels can compute a layer: its maps have two axes at most, and no number is of float64."""
    if not layer.sources or not _is_planar(layer):
        return False
    kinds = {_kind(cast(Tensor, maps[source])) for source in layer.sources} | {
        link.weight.dtype for _, link in layer.each_link()
    }
    return kinds <= set(KINDS)


def block_inflow(layer: SmallWorldLayer, maps: Maps, dropout: Dropout) -> Tensor:
    """Return the sum of what flows into a layer and its bias, by the block kernels; see `joined_inflow`.

    In a pass with gradients, `maps` becomes what later layers are to read, see `BlockLayer`.
    """
    sources = []
    for source, link in layer.each_link():
        given = link.pad(dropout(_pooled(link, cast(Tensor, maps[source]))))
        while given.ndim < 4:
            given = given.unsqueeze(2)
        sources.append(given)
    kind = _kind(sources[0])
    for given in sources[1:]:
        kind = _kind(given) if _kind(given).itemsize < kind.itemsize else kind
    sources = [given.to(kind) for given in sources]
    weights = [link.weight.flatten(1) if link.kernel else link.weight.unsqueeze(1) for _, link in layer.each_link()]
    tables = cast(Tensor, layer.tables)
    if torch.compiler.is_compiling() or not torch.is_grad_enabled():
        total = block_layer(sources, weights, layer.bias, tables, layer.layout)
    else:
        total, *passed = BlockLayer.apply(layer.bias, tables, layer.layout, len(sources), *sources, *weights)
        for source, given, passes in zip(layer.sources, sources, passed, strict=True):
            if given is maps[source]:
                maps[source] = passes
    return total.view(total.shape[0], layer.n_nodes, *layer.size)


def _pooled(link: Link, source: Tensor) -> Tensor:
    """Return a source map, pooled to the kernel's size where the link ends at a linear layer."""
    is_pooled = link.geometry is None and source.shape[2:] != link.kernel and not link.pools_otherwise
    if torch.compiler.is_compiling() or source.ndim != 4 or not is_pooled:
        return link.pool(source)
    pooled: Tensor = Pool.apply(source, link.kernel)
    return pooled


def masked_inflow(layer: SmallWorldLayer, maps: Maps, dropout: Dropout) -> Tensor:
    """Return the sum of what flows into a layer and its bias, by one dense product for each link."""
    total: Tensor | None = None
    for source, link in layer.each_link():
        flow: Tensor = link(maps[source], dropout, layer.bias if total is None else None)
        total = flow if total is None else total + flow
    return cast(Tensor, total)


FORMS: dict[Form, Callable[[SmallWorldLayer, Maps, Dropout], Tensor]] = {
    "masked": masked_inflow,
    "joined": joined_inflow,
    "blocks": block_inflow,
}


def as_read_by(form: Form, given: Tensor) -> Tensor:
    """Return a map in the order in memory that a form reads on a GPU, so that not each reader brings it there."""
    if form == "blocks" and given.is_cuda and given.ndim == 4:
        return given.contiguous(memory_format=torch.channels_last)
    return given


def _is_planar(layer: SmallWorldLayer) -> bool:
    return all(len(shape.source) <= 2 for shape in layer.link_shapes)


def _kind(given: Tensor) -> torch.dtype:
    """Return the type in which a map is multiplied under autocast, or its own without."""
    device = given.device.type
    if torch.is_autocast_enabled(device) and given.dtype in KINDS:
        return torch.get_autocast_dtype(device)
    return given.dtype
