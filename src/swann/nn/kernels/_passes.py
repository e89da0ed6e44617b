import math
from functools import cache, lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._assembly import TABLE, Element, Pass, run_function, tile_function
from ._columns import ELEMENTS, gather_columns, needs_columns, scatter_columns
from ._compile import compile_function, vector_bytes
from ._geometry import LinkShape, blocked_tiles, column_tiles
from ._threads import run_on_all_threads
from ._tiles import Tiles
from ._wiring import Edges

_TASKS_PER_THREAD = 4


def forward_(result: Tensor, source: Tensor, weight: Tensor, edges: Edges, shape: LinkShape, by_columns: bool) -> None:
    """Add to a layer's map what flows in through one link.

    Args:
        result: the layer's map, of shape `[blocks, targets, *target, block]`, contiguous.
        source: the map that the link starts from, of shape `[blocks, sources, *source, block]`, or its columns, of
            shape `[sources, taps, target places · batch]`; contiguous.
        weight: of shape `[edges, *kernel]`, contiguous.
        edges: where the weights belong.
        shape: the link's shape.
        by_columns: whether the source is given by its columns.
    """
    if not by_columns and needs_columns(source):
        source, by_columns = gather_columns(source, shape), True
    _run("forward", shape, result, source, weight, edges, by_columns)


def input_gradient_(
    result: Tensor, gradient: Tensor, weight: Tensor, edges: Edges, shape: LinkShape, by_columns: bool
) -> None:
    """Add to the gradient of a link's source what comes from its layer's map; the arguments are as for `forward_`."""
    if not by_columns and needs_columns(result):
        columns = result.new_zeros(result.shape[1], shape.n_taps, gradient[0, 0].numel())
        _run("input", shape, columns, gradient, weight, edges, by_columns=True)
        result += scatter_columns(columns, result.shape, shape)
    else:
        _run("input", shape, result, gradient, weight, edges, by_columns)


def weight_gradient(
    gradient: Tensor, source: Tensor, weight: Tensor, edges: Edges, shape: LinkShape, by_columns: bool
) -> Tensor:
    """Return the gradient of a link's weights, given that of its layer's map; the arguments are as for `forward_`."""
    result = torch.zeros_like(weight)
    if not by_columns and needs_columns(source):
        source, by_columns = gather_columns(source, shape), True
    _run("weight", shape, gradient, source, result, edges, by_columns)
    return result


def _run(
    kind: Pass,
    shape: LinkShape,
    result: Tensor,
    operand: Tensor,
    weight: Tensor,
    edges: Edges,
    by_columns: bool,
) -> None:
    element = ELEMENTS[weight.dtype]
    size = weight.element_size()
    target = operand if kind == "input" else result
    block, n_blocks = target.shape[-1], target.shape[0]
    programs, _ = _programs(kind, shape, element, block, by_columns)
    if not (edges.n_edges and len(programs) and target.numel()):
        return
    indptr, indices, order = edges.by_source() if kind == "input" else edges.by_target()
    n_nodes = edges.n_sources if kind == "input" else edges.n_targets
    n_tasks_wanted = _TASKS_PER_THREAD * torch.get_num_threads()
    n_steps = 1 if kind == "weight" else n_blocks
    n_node_blocks = min(n_nodes, -(-n_tasks_wanted // n_steps))
    node_block = -(-n_nodes // n_node_blocks)
    n_node_blocks = -(-n_nodes // node_block)
    result_step = result.numel() // n_blocks * size
    operand_step = operand.numel() // n_blocks * size
    n_maps = edges.n_targets if kind == "input" else edges.n_sources
    table = np.empty(len(TABLE) + len(programs), dtype=np.int64)
    table[: len(TABLE)] = (
        *(0, n_steps * n_node_blocks, n_node_blocks, node_block, n_nodes),
        *(result.data_ptr(), result_step // n_nodes, result_step),
        *(operand.data_ptr(), operand_step // n_maps, operand_step),
        *(indptr, indices, weight.data_ptr(), order, n_blocks, len(programs) // 3),
    )
    table[len(TABLE) :] = programs
    run_on_all_threads(_run_address(kind), table.ctypes.data)


@cache
def _run_address(kind: Pass) -> int:
    return compile_function(run_function(kind), "run")


@lru_cache(maxsize=4096)
def _programs(
    kind: Pass, shape: LinkShape, element: Element, block: int, by_columns: bool
) -> tuple[NDArray[np.int64], list[NDArray[np.int64]]]:
    """Return the columns of the table for each program, and what they point to."""
    size = np.dtype(element).itemsize
    lanes = vector_bytes() // size
    if by_columns:
        found: Tiles = column_tiles(shape.n_taps, math.prod(shape.target) * block, kind, lanes)
    else:
        found = blocked_tiles(shape, kind, block, lanes)
    rows, kept = [], []
    for program, places in found.items():
        address = compile_function(tile_function(program, element, kind, shape.n_taps), "tile")
        kept.append(np.array(places, dtype=np.int64) * size)
        rows += [address, len(places), kept[-1].ctypes.data]
    return np.array(rows, dtype=np.int64), kept
