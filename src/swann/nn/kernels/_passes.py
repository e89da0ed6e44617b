import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._assembly import LINK, Element, Pass, run_function, tile_function
from ._columns import ELEMENTS, gather_columns, needs_columns, scatter_columns
from ._compile import compile_function, vector_bytes
from ._geometry import COLUMN_VECTORS, LinkShape, blocked_tiles, column_tiles, selected, unflatten
from ._threads import run_on_all_threads
from ._tiles import Tiles
from ._wiring import addresses_by_source, addresses_by_target

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
    _run("forward", shapes, [result] * len(operands), operands, weights, wirings, by_columns)


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
        _run("input", shapes, columns, [gradient] * len(columns), weights, wirings, by_columns=True)
        for result, of_taps, link in zip(found, columns, links, strict=True):
            result += scatter_columns(of_taps, result.shape, link)
    else:
        _run("input", shapes, found, [gradient] * len(found), weights, wirings, by_columns)


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
    _run("weight", shapes, [gradient] * len(found), operands, found, _only(wanted, wirings), by_columns)
    return results


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
    by_columns: bool,
) -> None:
    if not results:
        return
    maps, ends = (operands, results) if kind == "input" else (results, operands)
    layer = maps[0]
    if not layer.numel():
        return
    axis = 0 if by_columns else 1
    plan = _plan(
        kind,
        tuple(shapes),
        ELEMENTS[layer.dtype],
        (layer.shape[0], layer.shape[1], layer.shape[-1]),
        tuple(end.shape[axis] for end in ends),
        by_columns,
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
    by_columns: bool,
    n_threads: int,
) -> _Plan:
    n_blocks, n_targets, block = layer
    size = np.dtype(element).itemsize
    links = unflatten(shapes)
    n_steps = 1 if kind == "weight" else n_blocks
    n_wanted = _TASKS_PER_THREAD * n_threads
    groups = [range(number, number + 1) for number in range(len(links))] if kind == "input" else [range(len(links))]
    rows: list[list[int]] = []
    tasks: list[tuple[int, int, int, int, int]] = []
    for group in groups:
        n_nodes = n_sources[group[0]] if kind == "input" else n_targets
        bands = _bands(kind, links[group[0]], n_nodes, block * size, size, by_columns)
        width = max(1, math.ceil(n_nodes * n_steps * len(bands) / n_wanted))
        for band in bands:
            first = len(rows)
            for number in group:
                link = links[number]
                n_taps = link.n_taps if by_columns else 1
                of_target = math.prod(link.target) * block * size
                of_source = n_taps * math.prod(link.target if by_columns else link.source) * block * size
                strides = [of_target, n_targets * of_target, of_source, n_sources[number] * of_source]
                if kind == "input":
                    strides = strides[2:] + strides[:2]
                programs = _programs(kind, link, element, block, by_columns, band)
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


def _bands(
    kind: Pass, link: LinkShape, n_nodes: int, bytes_of_place: int, element_bytes: int, by_columns: bool
) -> list[range | None]:
    """Cut a result into bands that stay in the cache while all links of a layer add to them; None for all of it."""
    size = link.source if kind == "input" else link.target
    if kind == "weight" or not size or (kind == "input" and by_columns):
        return [None]
    if by_columns:
        step = COLUMN_VECTORS * (vector_bytes() // element_bytes)
        n_rows, bytes_of_row = math.prod(size) * bytes_of_place // element_bytes, n_nodes * element_bytes
    else:
        step, n_rows, bytes_of_row = 2, size[0], n_nodes * math.prod(size[1:]) * bytes_of_place
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
    kind: Pass, shape: LinkShape, element: Element, block: int, by_columns: bool, band: range | None
) -> _Programs:
    size = np.dtype(element).itemsize
    lanes = vector_bytes() // size
    if by_columns:
        found: Tiles = column_tiles(shape.n_taps, math.prod(shape.target) * block, kind, lanes, band)
    else:
        found = blocked_tiles(shape, kind, block, lanes, band)
    places = tuple(np.array(of_program, dtype=np.int64) * size for of_program in found.values())
    rows = [
        (compile_function(tile_function(program, element, kind, shape.n_taps), "tile"), len(at), at.ctypes.data)
        for program, at in zip(found, places, strict=True)
    ]
    read = [len({offset for _, _, offset in program.products}) * program.lanes * size for program in found]
    return _Programs(np.array(rows, dtype=np.int64).reshape(-1, 3), places, max(read, default=0))
