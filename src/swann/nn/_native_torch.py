"""The parts of a pass over a small batch that PyTorch does, between what compiled code does."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from .kernels import Held, StoredMap, Workspace

if TYPE_CHECKING:
    from ._link import Link
    from ._native_pass import Part
    from ._network import SmallWorldLayer


def plain_map(workspace: Workspace, source: StoredMap) -> Tensor:
    """Return a map as PyTorch has it, of shape `[batch, channels, *size]`, in memory of its own."""
    return _inside(workspace, source).movedim(-1, 0).clone(memory_format=torch.contiguous_format)


def set_map(workspace: Workspace, target: StoredMap, values: Tensor) -> None:
    """Set a map to values of shape `[batch, channels, *size]`."""
    _inside(workspace, target).copy_(values.movedim(0, -1))


def _inside(workspace: Workspace, source: StoredMap) -> Tensor:
    """Return what counts of a map where it stands, of shape `[channels, *size, batch]`."""
    place = cast(Held, source.place)
    if place not in workspace.views:
        shape = (source.n_nodes, *source.stored, source.batch)
        with torch.inference_mode(False):  # it serves passes without gradients of both kinds
            whole = workspace.view(place, getattr(torch, source.element), shape)
            workspace.views[place] = whole[(slice(None), *(slice(0, length) for length in source.size))]
    return workspace.views[place]


def dense_links(
    layer: SmallWorldLayer, links: tuple[tuple[int, Link], ...], sources: dict[int, StoredMap], target: StoredMap
) -> Part:
    """Return the part that sets a layer's map to its bias and what flows in through links that are computed densely.

    Args:
        layer: the layer.
        links: these links, each with its source's number.
        sources: the maps that they read, but for the inputs.
        target: the layer's map.
    """

    def flow_in(workspace: Workspace, inputs: Tensor) -> None:
        maps = {0: inputs} | {number: plain_map(workspace, source) for number, source in sources.items()}
        bias: Tensor | None = layer.bias
        flows = []
        for number, link in links:
            flows.append(link(maps[number], layer.dropout, bias))
            bias = None
        set_map(workspace, target, sum(flows[1:], flows[0]))

    return flow_in


def torch_stages(layer: SmallWorldLayer, target: StoredMap, result: StoredMap) -> Part:
    """Return the part that applies a layer's operations to its map, and returns what they make of it."""

    def apply(workspace: Workspace, _: Tensor) -> Tensor:
        output = plain_map(workspace, target)
        for stage in layer.each_stage():
            output = stage(output)
        set_map(workspace, result, output.reshape(-1, *layer.map_shape))
        return output

    return apply


def joined(maps: list[StoredMap]) -> Part:
    """Return the part that returns the maps of all layers, joined."""
    return lambda workspace, _: torch.cat([plain_map(workspace, each) for each in maps], 1)


def output(source: StoredMap, is_flat: bool) -> Part:
    """Return the part that returns a map, flattened or as it is."""

    def take(workspace: Workspace, _: Tensor) -> Tensor:
        found = plain_map(workspace, source)
        return found.flatten(1) if is_flat else found

    return take
