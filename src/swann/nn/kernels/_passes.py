import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._assembly import LINK, Element, Pass, run_function, tile_function
from ._columns import ELEMENTS, gather_columns, needs_columns, scatter_columns
from ._compile import compile_function, vector_bytes
from ._geometry import COLUMN_VECTORS, LinkShape, blocked_tiles, column_tiles, selected, unflatten
from ._rows import extents, n_places, n_row_places, tap_offsets
from ._threads import run_on_all_threads
from ._tiles import Tiles
from ._wiring import addresses_by_source, addresses_by_target

Layout = Literal["blocks", "columns", "rows"]
"""How the sources of links stand."""

_TASKS_PER_THREAD = 4
_BAND_BYTES, _CACHE_BYTES = 2**18, 2**19
"""What is to stay in a core's own cache: a band of the result; the maps that a tile of the weight gradient meets."""


def forward_(
    result: Tensor,
    sources: Sequence[Tensor],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    shapes: Sequence[int],
    by_columns: bool,
) -> None:
    """Add to a layer's map what flows in through its links; all tensors are contiguous.

    Args:
        result: the layer's map, of shape `[blocks, targets, *target, block]`.
        sources: for each link the map that it starts from, of shape `[blocks, sources, *source, block]`, or its
            columns, of shape `[sources, taps, target places · batch]`.
        weights: for each link, of shape `[edges, *kernel]`.
        wirings: for each link where the weights belong, from `wiring`.
        shapes: the shapes of the links, one after the other, from `LinkShape.flat`.
        by_columns: whether the sources are given by their columns.
    """
    operands, by_columns = _operands(sources, shapes, by_columns)
    _run("forward", shapes, [result] * len(operands), operands, weights, wirings, _layout(by_columns))


def forward_rows_(
    result: Tensor,
    sources: Sequence[Tensor],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    shapes: Sequence[int],
) -> None:
    """Add to a layer's map in rows what flows in through its links; see `forward_`.

    Args:
        result: the layer's map in rows, of shape `[1, targets, *size, batch]`.
        sources: for each link the source's phases in rows, of shape `[sources, places · batch]`, from `to_rows`.
        weights: see there.
        wirings: see there.
        shapes: see there.
    """
    _run("forward", shapes, [result] * len(sources), sources, weights, wirings, "rows")


def input_gradients_(
    results: Sequence[Tensor | None],
    gradient: Tensor,
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    shapes: Sequence[int],
    by_columns: bool,
) -> None:
    """Add to the gradients of links' sources what comes from their layer's map; those that are None are left out.

    The other arguments are as for `forward_`.
    """
    wanted = [result is not None for result in results]
    shapes = selected(tuple(shapes), tuple(wanted))
    weights, wirings = _only(wanted, weights), _only(wanted, wirings)
    found = [result for result in results if result is not None]
    if found and not by_columns and needs_columns(found[0]):
        links, n_places = unflatten(tuple(shapes)), gradient[0, 0].numel()
        columns = [
            result.new_zeros(result.shape[1], link.n_taps, n_places) for result, link in zip(found, links, strict=True)
        ]
        _run("input", shapes, columns, [gradient] * len(columns), weights, wirings, "columns")
        for result, of_taps, link in zip(found, columns, links, strict=True):
            result += scatter_columns(of_taps, result.shape, link)
    else:
        _run("input", shapes, found, [gradient] * len(found), weights, wirings, _layout(by_columns))


def weight_gradients(
    gradient: Tensor,
    sources: Sequence[Tensor],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    shapes: Sequence[int],
    by_columns: bool,
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Return the gradients of those links' weights that are wanted, given that of their layer's map; see `forward_`."""
    results = [torch.zeros_like(weight) if want else None for weight, want in zip(weights, wanted, strict=True)]
    found = [result for result in results if result is not None]
    shapes = selected(tuple(shapes), tuple(wanted))
    operands, by_columns = _operands(_only(wanted, sources), shapes, by_columns)
    _run("weight", shapes, [gradient] * len(found), operands, found, _only(wanted, wirings), _layout(by_columns))
    return results


def _layout(by_columns: bool) -> Layout:
    return "columns" if by_columns else "blocks"


def _only(wanted: Sequence[bool], tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor for tensor, want in zip(tensors, wanted, strict=True) if want]


def _operands(sources: Sequence[Tensor], shapes: Sequence[int], by_columns: bool) -> tuple[Sequence[Tensor], bool]:
    """Return the sources by their columns if the batch is small, and whether they are."""
    if not by_columns and sources and needs_columns(sources[0]):
        links = unflatten(tuple(shapes))
        return [gather_columns(source, link) for source, link in zip(sources, links, strict=True)], True
    return sources, by_columns


def _run(
    kind: Pass,
    shapes: Sequence[int],
    results: Sequence[Tensor],
    operands: Sequence[Tensor],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    layout: Layout,
) -> None:
    if not results:
        return
    maps, ends = (operands, results) if kind == "input" else (results, operands)
    layer = maps[0]
    if not layer.numel():
        return
    axis = 1 if layout == "blocks" else 0
    plan = _plan(
        kind,
        tuple(shapes),
        ELEMENTS[layer.dtype],
        (layer.shape[0], layer.shape[1], layer.shape[-1]),
        tuple(end.shape[axis] for end in ends),
        layout,
        torch.get_num_threads(),
    )
    addresses = np.zeros((len(results), 6), dtype=np.int64)
    addresses[:, 0] = [result.data_ptr() for result in results]
    addresses[:, 1] = [operand.data_ptr() for operand in operands]
    if kind == "input":
        addresses[:, [2, 3, 5]] = [
            addresses_by_source(packed, layer.shape[1], n_sources, len(weight))
            for packed, n_sources, weight in zip(wirings, plan.n_sources, weights, strict=True)
        ]
    else:
        addresses[:, 2:4] = [addresses_by_target(packed, layer.shape[1]) for packed in wirings]
    addresses[:, 4] = [weight.data_ptr() for weight in weights]
    links = plan.links.copy()
    links[:, :6] = addresses[plan.numbers]
    table = np.array([0, len(plan.tasks), plan.tasks.ctypes.data, links.ctypes.data], dtype=np.int64)
    run_on_all_threads(_run_address(kind), table.ctypes.data)


@cache
def _run_address(kind: Pass) -> int:
    return compile_function(run_function(kind), "run")


@dataclass(frozen=True)
class _Plan:
    """What the tables of all calls for tensors of the same shapes have in common.

    Args:
        tasks: see `TASK`.
        numbers: which link each row of `links` belongs to; a link has a row for each band of the result.
        links: see `LINK`; the addresses are missing.
        n_sources: the nodes that each link starts from.
    """

    tasks: NDArray[np.int64]
    numbers: NDArray[np.int64]
    links: NDArray[np.int64]
    n_sources: tuple[int, ...]


@lru_cache(maxsize=4096)
def _plan(
    kind: Pass,
    shapes: tuple[int, ...],
    element: Element,
    layer: tuple[int, int, int],
    n_sources: tuple[int, ...],
    layout: Layout,
    n_threads: int,
) -> _Plan:
    n_blocks, n_targets, block = layer
    size = np.dtype(element).itemsize
    links = unflatten(shapes)
    in_rows = extents(shapes) if layout == "rows" else None
    n_steps = 1 if kind == "weight" else n_blocks
    n_wanted = _TASKS_PER_THREAD * n_threads
    groups = [range(number, number + 1) for number in range(len(links))] if kind == "input" else [range(len(links))]
    rows: list[list[int]] = []
    tasks: list[tuple[int, int, int, int, int]] = []
    for group in groups:
        n_nodes = n_sources[group[0]] if kind == "input" else n_targets
        bands = _bands(kind, in_rows or links[group[0]].target, links[group[0]].source, n_nodes, block, size, layout)
        width = max(1, math.ceil(n_nodes * n_steps * len(bands) / n_wanted))
        for band in bands:
            first = len(rows)
            for number in group:
                link = links[number]
                of_target = math.prod(in_rows or link.target) * block * size
                of_source = _source_places(link, layout, in_rows) * block * size
                strides = [of_target, n_targets * of_target, of_source, n_sources[number] * of_source]
                if kind == "input":
                    strides = strides[2:] + strides[:2]
                programs = _programs(kind, link, element, block, layout, in_rows, band)
                most_steps = max(1, _CACHE_BYTES // max(1, n_sources[number] * programs.most_bytes))
                counts = [n_blocks, min(most_steps, n_blocks), len(programs.rows), programs.rows.ctypes.data]
                rows.append([number, *[0] * 5, *strides, *counts])
            tasks += [
                (first, len(rows), step, begin, min(begin + width, n_nodes))
                for step in range(n_steps)
                for begin in range(0, n_nodes, width)
            ]
    table = np.array(rows, dtype=np.int64).reshape(-1, len(LINK))
    return _Plan(np.array(tasks, dtype=np.int64).reshape(-1, 5), table[:, 0].copy(), table, n_sources)


def _source_places(link: LinkShape, layout: Layout, in_rows: tuple[int, ...] | None) -> int:
    """Return the places of one node of a link's source."""
    if in_rows is not None:
        return n_row_places(link, in_rows)
    return link.n_taps * math.prod(link.target) if layout == "columns" else math.prod(link.source)


def _bands(
    kind: Pass, target: tuple[int, ...], source: tuple[int, ...], n_nodes: int, block: int, size: int, layout: Layout
) -> list[range | None]:
    """Cut a result into bands that stay in the cache while all links of a layer add to them; None for all of it."""
    result = source if kind == "input" else target
    if kind == "weight" or not result or (kind == "input" and layout == "columns"):
        return [None]
    if layout == "blocks":
        step, n_rows, bytes_of_row = 2, result[0], n_nodes * math.prod(result[1:]) * block * size
    else:
        step, n_rows, bytes_of_row = (
            COLUMN_VECTORS * (vector_bytes() // size),
            math.prod(result) * block,
            n_nodes * size,
        )
    height = step * max(1, _BAND_BYTES // (step * max(1, bytes_of_row)))
    if height >= n_rows:
        return [None]
    return [range(start, min(start + height, n_rows)) for start in range(0, n_rows, height)]


@dataclass(frozen=True)
class _Programs:
    """The programs of a link's tiles.

    Args:
        rows: see `PROGRAM`.
        places: where each program's tiles stand; the rows have their addresses.
        most_bytes: the most that a tile reads of one map.
    """

    rows: NDArray[np.int64]
    places: tuple[NDArray[np.int64], ...]
    most_bytes: int


@cache
def _programs(
    kind: Pass,
    shape: LinkShape,
    element: Element,
    block: int,
    layout: Layout,
    in_rows: tuple[int, ...] | None,
    band: range | None,
) -> _Programs:
    size = np.dtype(element).itemsize
    lanes = vector_bytes() // size
    if in_rows is not None:
        taps = [place * block for place in tap_offsets(shape, in_rows)]
        found: Tiles = column_tiles(taps, n_places(shape.target, in_rows) * block, kind, lanes, band)
    elif layout == "columns":
        length = math.prod(shape.target) * block
        found = column_tiles([tap * length for tap in range(shape.n_taps)], length, kind, lanes, band)
    else:
        found = blocked_tiles(shape, kind, block, lanes, band)
    places = tuple(np.array(of_program, dtype=np.int64) * size for of_program in found.values())
    rows = [
        (compile_function(tile_function(program, element, kind, shape.n_taps), "tile"), len(at), at.ctypes.data)
        for program, at in zip(found, places, strict=True)
    ]
    read = [len({offset for _, _, offset in program.products}) * program.lanes * size for program in found]
    return _Programs(np.array(rows, dtype=np.int64).reshape(-1, 3), places, max(read, default=0))
