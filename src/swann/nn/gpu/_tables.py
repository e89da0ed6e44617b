from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..kernels import LinkShape
from ._layout import LayerLayout, LinkLayout, as_plane

SMALL, LARGE = 16, 32
"""Channels of a tile; tensor cores multiply 16 of them or more."""

_LARGE_COSTS = 1.5
"""Tiles of 32 channels may have so many times the products of tiles of 16, for they load each number half as often."""

Table = NDArray[np.integer[Any]]


def choose_tile(masks: Sequence[Tensor]) -> int:
    """Return the channels of a tile: 32, or 16 where tiles of 32 would hold much that does not exist.

    Args:
        masks: which edges of each link exist, of shape `[targets, sources]`.

    >>> choose_tile([torch.eye(4, dtype=torch.bool).repeat_interleave(16, 0).repeat_interleave(16, 1)])
    16
    """
    small, large = (
        sum(len(_entries(*_edges(mask), mask.shape[1], tile)[0]) for mask in masks) * tile**2 for tile in (SMALL, LARGE)
    )
    return LARGE if large <= _LARGE_COSTS * small else SMALL


def block_tables(masks: Sequence[Tensor], shapes: Sequence[LinkShape], tile: int) -> tuple[LayerLayout, Tensor]:
    """Return how the links into a layer are cut into tiles of channels, and which tiles there are.

    The tables are one int32 tensor of these parts; `LayerLayout.sections` tells where they begin.

    - `target_starts`: for each tile of the target's channels, where its entries begin, and their total.
    - `entries`: tiles that hold an edge, in the order of the target's tiles: link, first channel of the source, first
      step, first channel of the target. An entry has a step for each tap of its link that meets the source anywhere.
    - `links`: rows and columns of the source, its channels, strides, where its taps begin, how many there are, and how
      many its kernel has.
    - `taps`: row and column that a tap meets for the target's first place, its number in the kernel, 0.
    - `steps`: entry, row and column of the tap, 0.
    - `items`: for the input gradient, a phase of a tile of a source: link, tile (over all links), first channel, first
      row and column, rows and columns, where its taps begin and end, 0, 0, 0.
    - `source_starts`, `source_entries`: for each tile of each source its entries.
    - `phase_taps`: row and column of the target relative to the phase's place, rank of the tap, 0.
    - `edges`: for each entry and each source and target channel of it the number of the edge in its link, or -1.

    Args:
        masks: which edges of each link exist, of shape `[targets, sources]`.
        shapes: of each link.
        tile: channels of a tile.

    Raises:
        InvalidValueError: a map has more than two axes.
    """
    shapes = [as_plane(shape) for shape in shapes]
    links, of_links = [], []
    for number, (mask, shape) in enumerate(zip(masks, shapes, strict=True)):
        n_source_tiles = -(-mask.shape[1] // tile)
        targets, sources = _edges(mask)
        keys, entry_of_edge = _entries(targets, sources, mask.shape[1], tile)
        edges = np.full((len(keys), tile, tile), -1, dtype=np.int32)
        edges[entry_of_edge, sources % tile, targets % tile] = np.arange(len(targets), dtype=np.int32)
        of_links.append((np.full(len(keys), number), keys // n_source_tiles, keys % n_source_tiles, edges))
        pairs = (shape.source, shape.target, shape.kernel, shape.stride, shape.before, shape.dilation)
        links.append(LinkLayout(mask.shape[1], len(targets), len(keys), *((part[0], part[1]) for part in pairs)))
    layout = LayerLayout(tile, masks[0].shape[0], links[0].target, tuple(links))
    link_of, target_tile, source_tile, edges = (np.concatenate(parts) for parts in zip(*of_links, strict=True))
    order = np.lexsort((source_tile, link_of, target_tile))
    link_of, target_tile, source_tile, edges = (part[order] for part in (link_of, target_tile, source_tile, edges))
    n_steps = np.array([len(link.taps) for link in links])[link_of]
    first_step = np.cumsum(n_steps) - n_steps
    parts = {
        "target_starts": np.searchsorted(target_tile, np.arange(layout.n_target_tiles + 1)),
        "entries": np.stack((link_of, source_tile * tile, first_step, target_tile * tile), 1),
        "links": _links(links),
        "taps": _rows([(*tap, 0) for link in links for tap in link.taps], 4),
        "steps": _steps(links, link_of),
        **_by_source(layout, link_of, source_tile),
        "edges": edges,
    }
    found = [parts[name].ravel() for name in layout.sections]
    sizes = [size for _, size in layout.sections.values()]
    return layout, torch.cat([_tensor(part, size) for part, size in zip(found, sizes, strict=True)])


def _edges(mask: Tensor) -> tuple[Table, Table]:
    """Return the target and the source of each edge in the order of the weights."""
    targets, sources = mask.cpu().nonzero(as_tuple=True)
    return targets.numpy(), sources.numpy()


def _entries(targets: Table, sources: Table, n_sources: int, tile: int) -> tuple[Table, Table]:
    """Return the tiles that hold an edge, numbered by target and source, and the place of each edge's tile in them."""
    keys = targets // tile * -(-n_sources // tile) + sources // tile
    return np.unique(keys, return_inverse=True)


def _links(links: Sequence[LinkLayout]) -> Table:
    rows, first_tap = [], 0
    for link in links:
        rows.append((*link.source, link.n_sources, *link.stride, first_tap, len(link.taps), link.n_taps))
        first_tap += len(link.taps)
    return _rows(rows, 8)


def _steps(links: Sequence[LinkLayout], link_of: Table) -> Table:
    """Return the rows of the steps, entry after entry."""
    taps = [_rows([(0, row, column, 0) for row, column, _ in link.taps], 4) for link in links]
    rows = [taps[link] for link in link_of]
    found = np.concatenate([_rows([], 4), *rows])
    found[:, 0] = np.repeat(np.arange(len(link_of)), [len(part) for part in rows])
    return found


def _by_source(layout: LayerLayout, link_of: Table, source_tile: Table) -> dict[str, Table]:
    """Return the parts of the tables that the input gradient reads."""
    first_tile = np.cumsum((0, *layout.source_tiles))
    tile_of_entry = first_tile[link_of] + source_tile
    order = np.argsort(tile_of_entry, kind="stable")
    items: list[tuple[int, ...]] = []
    taps: list[tuple[int, ...]] = []
    for number, link in enumerate(layout.links):
        spans = []
        for phase in link.phases:
            spans.append((len(taps), len(taps) + len(phase.taps)))
            taps += [(*tap, 0) for tap in phase.taps]
        for tile in range(first_tile[number], first_tile[number + 1]):
            channel = (tile - first_tile[number]) * layout.tile
            items += [
                (number, tile, channel, *phase.first, *phase.size, *span, 0, 0, 0)
                for phase, span in zip(link.phases, spans, strict=True)
            ]
    return {
        "items": _rows(items, 12),
        "source_starts": np.searchsorted(tile_of_entry[order], np.arange(first_tile[-1] + 1)),
        "source_entries": order,
        "phase_taps": _rows(taps, 4),
    }


def _rows(rows: Sequence[Sequence[int]], width: int) -> Table:
    return np.array(rows, dtype=np.int32).reshape(-1, width)


def _tensor(part: Table, size: int) -> Tensor:
    """Return a part of the tables, which must have as many numbers as the layout says."""
    return torch.from_numpy(np.ascontiguousarray(part, dtype=np.int32).reshape(size))
