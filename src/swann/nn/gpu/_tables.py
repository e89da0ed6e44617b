from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..kernels import LinkShape
from ._layout import BUNDLE, LANES, LayerLayout, LinkLayout, as_plane

SMALL, LARGE = 16, 32
"""Channels of a tile; tensor cores multiply 16 of them or more."""

NOWHERE = 2**30
"""The first channel of a step that is there only to fill a group; no map has so many."""

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

    An entry is a tile of a link's weights that holds an edge. It has a step for each tap of its link that meets the
    source anywhere: a product of `tile` channels of the source, at the places that the tap meets, with `tile` channels
    of the target. Steps of one link into one tile of the target are a run. They are multiplied in groups, whose
    channels stand next to each other as `LANES` lanes; the last group of a run may have steps of no channel.

    The tables are one int32 tensor of these parts; `LayerLayout.sections` tells where they begin.

    - `target_starts`: for each tile of the target's channels, where its runs begin, and their total.
    - `runs`: link, where its groups begin; at the end their total.
    - `bundles`: of up to four groups of a run: link, first channel of the target, first group, how many there are.
    - `steps`: row and column that the tap meets for the target's first place, first channel of the source, 0.
    - `links`: rows and columns of the source, its channels, strides, where its taps begin, how many there are, and how
      many its kernel has.
    - `taps`: the tap's number in the kernel.
    - `entries`: link, first channel of the source, first step, first channel of the target.
    - `items`: for the input gradient, a phase of a tile of a source: link, first channel, first row and column, rows
      and columns, where its groups begin and end.
    - `back_steps`: of those groups: row and column of the target relative to the phase's place, first channel of the
      target, step.
    - `edges`: for each entry and each target and source channel of it the number of the edge in its link, or -1.

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
        edges[entry_of_edge, targets % tile, sources % tile] = np.arange(len(targets), dtype=np.int32)
        of_links.append((np.full(len(keys), number), keys // n_source_tiles, keys % n_source_tiles, edges))
        pairs = (shape.source, shape.target, shape.kernel, shape.stride, shape.before, shape.dilation)
        links.append(LinkLayout(mask.shape[1], len(targets), len(keys), *((part[0], part[1]) for part in pairs)))
    link_of, target_tile, source_tile, edges = (np.concatenate(parts) for parts in zip(*of_links, strict=True))
    order = np.lexsort((source_tile, link_of, target_tile))
    link_of, target_tile, source_tile, edges = (part[order] for part in (link_of, target_tile, source_tile, edges))
    n_target_tiles, steps_of_group = -(-masks[0].shape[0] // tile), LANES // tile
    n_steps = np.array([len(link.taps) for link in links])[link_of]
    first_step, runs, n_groups = _grouped(target_tile * len(links) + link_of, n_steps, steps_of_group)
    channels = source_tile * tile
    steps = _rows([(0, 0, NOWHERE, 0)] * (int(n_groups.sum()) * steps_of_group), 4)
    at = np.repeat(first_step, n_steps) + _within(n_steps)
    if len(at):
        taps = [_rows([(*tap[:2], 0, 0) for tap in link.taps], 4) for link in links]
        steps[at] = np.concatenate([taps[link] for link in link_of])
        steps[at, 2] = np.repeat(channels, n_steps)
    bundles = _bundled(runs % len(links), runs // len(links) * tile, n_groups)
    items, back_steps = _by_source(tile, links, link_of, channels, target_tile * tile, first_step)
    layout = LayerLayout(
        tile,
        masks[0].shape[0],
        links[0].target,
        len(runs),
        int(n_groups.sum()),
        len(bundles),
        len(back_steps) // steps_of_group,
        tuple(links),
    )
    parts = {
        "target_starts": np.searchsorted(runs // len(links), np.arange(n_target_tiles + 1)),
        "runs": np.stack((np.append(runs % len(links), 0), np.cumsum(np.append(0, n_groups))), 1),
        "bundles": bundles,
        "steps": steps,
        "links": _links(links),
        "taps": np.array([tap for link in links for *_, tap in link.taps]),
        "entries": np.stack((link_of, channels, first_step, target_tile * tile), 1),
        "items": items,
        "back_steps": back_steps,
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


def _grouped(runs: Table, n_steps: Table, steps_of_group: int) -> tuple[Table, Table, Table]:
    """Return the first step of each entry, where runs begin with new groups, the runs, and the groups of each.

    Args:
        runs: the run of each entry, in ascending order.
        n_steps: of each entry.
        steps_of_group: steps of a group.
    """
    numbers, run_of_entry = np.unique(runs, return_inverse=True)
    of_run = np.bincount(run_of_entry, n_steps, len(numbers)).astype(np.int64)
    n_groups = -(-of_run // steps_of_group)
    first_group = np.cumsum(n_groups) - n_groups
    before = np.cumsum(n_steps) - n_steps
    first_of_run = np.cumsum(of_run) - of_run
    first_step = (first_group * steps_of_group - first_of_run)[run_of_entry] + before
    return first_step, numbers, n_groups


def _bundled(links: Table, targets: Table, n_groups: Table) -> Table:
    """Return the bundles of the groups of all runs, of which the links and the first channels of targets are given."""
    counts = -(-n_groups // BUNDLE)
    run, number = np.repeat(np.arange(len(n_groups)), counts), _within(counts)
    first = (np.cumsum(n_groups) - n_groups)[run] + number * BUNDLE
    return np.stack((links[run], targets[run], first, np.minimum(n_groups[run] - number * BUNDLE, BUNDLE)), 1)


def _within(counts: Table) -> Table:
    """Return the numbers from 0 on of each of several groups."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _by_source(
    tile: int, links: Sequence[LinkLayout], link_of: Table, channels: Table, targets: Table, first_step: Table
) -> tuple[Table, Table]:
    """Return the parts of the tables that the input gradient reads: items and steps."""
    steps_of_group = LANES // tile
    items: list[tuple[int, ...]] = []
    found = [_rows([], 4)]
    n_groups = 0
    for number, link in enumerate(links):
        is_here = link_of == number
        for channel in range(0, link.n_sources, tile):
            entries = np.flatnonzero(is_here & (channels == channel))
            for phase in link.phases:
                taps = _rows(phase.taps, 3)
                n_steps = len(entries) * len(taps)
                of_item = -(-n_steps // steps_of_group)
                rows = _rows([(0, 0, NOWHERE, 0)] * (of_item * steps_of_group), 4)
                rows[:n_steps, :2] = np.tile(taps[:, :2], (len(entries), 1))
                rows[:n_steps, 2] = np.repeat(targets[entries], len(taps))
                rows[:n_steps, 3] = (first_step[entries][:, None] + taps[:, 2]).ravel()
                found.append(rows)
                span = n_groups, n_groups + of_item
                items.append((number, channel, *phase.first, *phase.size, *span))
                n_groups += of_item
    return _rows(items, 8), np.concatenate(found)


def _rows(rows: Sequence[Sequence[int]], width: int) -> Table:
    return np.array(rows, dtype=np.int32).reshape(-1, width)


def _tensor(part: Table, size: int) -> Tensor:
    """Return a part of the tables, which must have as many numbers as the layout says."""
    return torch.from_numpy(np.ascontiguousarray(part, dtype=np.int32).reshape(size))
