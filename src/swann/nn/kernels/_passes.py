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
from ._geometry import LinkShape, blocked_tiles, column_tiles, selected, unflatten
from ._threads import run_on_all_threads
from ._tiles import Tiles
from ._wiring import addresses_by_source, addresses_by_target

_TASKS_PER_THREAD = 4
_CACHE_BYTES = 2**19
"""What the maps that one tile meets in all sources may take of a core's own cache."""


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
    links = plan.links.copy()
    links[:, 0] = [result.data_ptr() for result in results]
    links[:, 1] = [operand.data_ptr() for operand in operands]
    if kind == "input":
        links[:, [2, 3, 5]] = [
            addresses_by_source(packed, layer.shape[1], n_sources, len(weight))
            for packed, n_sources, weight in zip(wirings, plan.n_sources, weights, strict=True)
        ]
    else:
        links[:, 2:4] = [addresses_by_target(packed, layer.shape[1]) for packed in wirings]
    links[:, 4] = [weight.data_ptr() for weight in weights]
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
        links: see `LINK`; the addresses are missing.
        n_sources: the nodes that each link starts from.
    """

    tasks: NDArray[np.int64]
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
    rows = []
    for link, n_nodes in zip(links, n_sources, strict=True):
        of_target = math.prod(link.target) * block * size
        of_source = (link.n_taps * math.prod(link.target) if by_columns else math.prod(link.source)) * block * size
        strides = [of_target, n_targets * of_target, of_source, n_nodes * of_source]
        if kind == "input":
            strides = strides[2:] + strides[:2]
        programs = _programs(kind, link, element, block, by_columns)
        most_steps = min(max(1, _CACHE_BYTES // max(1, n_nodes * programs.most_bytes)), n_blocks)
        rows.append([*[0] * 6, *strides, n_blocks, most_steps, len(programs.rows), programs.rows.ctypes.data])
    everywhere = [(0, len(links), n_targets)]
    by_link = [(number, number + 1, n_nodes) for number, n_nodes in enumerate(n_sources)]
    tasks = [
        (first, last, step, begin, min(begin + width, n_nodes))
        for first, last, n_nodes in (by_link if kind == "input" else everywhere)
        for width in [max(1, math.ceil(n_nodes * n_steps / (_TASKS_PER_THREAD * n_threads)))]
        for step in range(n_steps)
        for begin in range(0, n_nodes, width)
    ]
    table = np.array(rows, dtype=np.int64).reshape(-1, len(LINK))
    return _Plan(np.array(tasks, dtype=np.int64).reshape(-1, 5), table, n_sources)


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
def _programs(kind: Pass, shape: LinkShape, element: Element, block: int, by_columns: bool) -> _Programs:
    size = np.dtype(element).itemsize
    lanes = vector_bytes() // size
    if by_columns:
        found: Tiles = column_tiles(shape.n_taps, math.prod(shape.target) * block, kind, lanes)
    else:
        found = blocked_tiles(shape, kind, block, lanes)
    places = tuple(np.array(of_program, dtype=np.int64) * size for of_program in found.values())
    rows = [
        (compile_function(tile_function(program, element, kind, shape.n_taps), "tile"), len(at), at.ctypes.data)
        for program, at in zip(found, places, strict=True)
    ]
    read = [len({offset for _, _, offset in program.products}) * program.lanes * size for program in found]
    return _Programs(np.array(rows, dtype=np.int64).reshape(-1, 3), places, max(read, default=0))
