"""What compiled code does of equal links by themselves, as in a network's pass over a small batch: in one call."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from ..kernels import (
    BlockMap,
    Held,
    LinkShape,
    Row,
    ScheduleBuilder,
    ScriptBuilder,
    StoredMap,
    Workspace,
    add_fill,
    addresses_by_source,
    addresses_by_target,
    arrangements,
    block_of_memory,
    constant,
    copy_row,
    fill_row,
    link_row,
    to_blocks,
    vector_bytes,
)


@dataclass(frozen=True)
class EqualLinks:
    """Links of one shape that end at one layer, all with the same edges and weights.

    Args:
        maps: for each link the map where it starts, of shape `[batch, sources, *source]`, float32.
        weight: of the edges, of shape `[edges, *kernel]`, float32.
        wiring: the edges, from `swann.nn.kernels.wiring`.
        n_targets: nodes of the layer.
        size: spatial size of the layer's map; `()` for neurons.
        shape: of the links.
    """

    maps: tuple[Tensor, ...]
    weight: Tensor
    wiring: Tensor
    n_targets: int
    size: tuple[int, ...]
    shape: LinkShape

    @property
    def nodes(self) -> tuple[int, int]:
        """The nodes of the layer, and of each layer where a link starts."""
        return self.n_targets, self.maps[0].shape[1]

    @property
    def edges(self) -> tuple[int, int]:
        """Where each target's edges begin, and their sources."""
        return addresses_by_target(self.wiring, self.n_targets)


def compiled_inference(links: EqualLinks) -> Callable[[], Tensor]:
    """Return the forward pass of a batch that is too small for blocks, the layout of its maps included.

    It returns the layer's map as it is stored.
    """
    batch, (n_targets, n_sources) = len(links.maps[0]), links.nodes
    builder = ScheduleBuilder(torch.get_num_threads())
    found = arrangements((links.shape,) * len(links.maps), batch, vector_bytes() // 4)
    stored = found[0].size if links.size else links.size
    target = StoredMap(0, n_targets, links.size, stored, batch, "float32")
    target = replace(target, place=builder.buffer(target.stride * n_targets))
    bands = target.bands()
    flows: list[list[Row]] = [[fill_row(target, constant(0, n_targets, "float32"), band)] for band in bands]
    copies: list[Row] = []
    maps = [each.detach().movedim(0, -1).contiguous() for each in links.maps]
    for each, arrangement in zip(maps, found, strict=True):
        source = StoredMap(each.data_ptr(), n_sources, links.shape.source, links.shape.source, batch, "float32")
        row, operand = copy_row(builder, source, arrangement)
        copies.append(row)
        for rows, band in zip(flows, bands, strict=True):
            rows.append(link_row(target, arrangement, band, operand, links.edges, links.weight.data_ptr()))
    builder.add([copies], n_sources)
    builder.add(flows, n_targets)
    workspace = Workspace(builder.finished())
    result = workspace.view(cast(Held, target.place), torch.float32, (n_targets, *target.stored, batch))

    def run(_keeps: object = (maps, links)) -> Tensor:
        workspace.run(0, 2)
        return result

    return run


def compiled_training(links: EqualLinks) -> Callable[[], list[Tensor]]:
    """Return the forward and the backward pass of a batch in blocks, which returns the gradients of all weights.

    The gradient of the layer's map is the map itself.
    """
    maps = [to_blocks(each.detach()) for each in links.maps]
    samples = maps[0].shape[0], maps[0].shape[-1]
    result = BlockMap(0, links.n_targets, links.size, *samples, "float32")
    builder = ScriptBuilder(torch.get_num_threads())
    result = replace(result, place=builder.buffer(result.nbytes))
    add_fill(builder, result, None)
    shapes, nodes = [links.shape] * len(maps), [links.nodes] * len(maps)
    weight, gradients = links.weight.data_ptr(), [torch.zeros_like(links.weight) for _ in maps]
    forward = [(result.place, each.data_ptr(), *links.edges, weight) for each in maps]
    builder.add_links("forward", shapes, "float32", samples, nodes, forward)
    for _ in maps:
        source = BlockMap(0, links.nodes[1], links.shape.source, *samples, "float32")
        source = replace(source, place=builder.buffer(source.nbytes))
        add_fill(builder, source, None)
        begin, targets, order = addresses_by_source(links.wiring, *links.nodes, len(links.weight))
        backward = (source.place, result.place, begin, targets, weight, order)
        builder.add_links("input", shapes[:1], "float32", samples, nodes[:1], [backward])
    of_weights = [
        (result.place, each.data_ptr(), *links.edges, gradient.data_ptr())
        for each, gradient in zip(maps, gradients, strict=True)
    ]
    builder.add_links("weight", shapes, "float32", samples, nodes, of_weights)
    script, _ = builder.finished()
    memory = block_of_memory(script.n_bytes)

    def run(_keeps: object = (maps, links)) -> list[Tensor]:
        for gradient in gradients:
            gradient.zero_()
        script.run([memory.data_ptr()])
        return gradients

    return run
