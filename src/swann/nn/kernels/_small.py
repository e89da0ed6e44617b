"""Layers at small batches without gradients."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np
import torch
from torch import Tensor

from ._arrangement import Arrangement, pairs_of
from ._assembly import LINK, TASK
from ._check import check_types
from ._code import Element
from ._compile import compile_function, vector_bytes
from ._gather import ELEMENTS, Offsets, gather
from ._geometry import column_tiles
from ._pair_assembly import pair_function
from ._rows import row_lanes, tap_offsets
from ._tables import TASKS_PER_THREAD, Plan, Programs, bands_of_places, compiled, run
from ._wiring import addresses_by_target


def arranged(source: Tensor, wanted: Sequence[Arrangement]) -> dict[Arrangement, Tensor]:
    """Return a map in several arrangements, each of shape `[sources, elements]`.

    Args:
        source: of shape `[batch, sources, *size]`.
        wanted: different ones.
    """
    lanes = vector_bytes() // source.element_size()
    offsets = [_offsets(each, source.shape[1], source.shape[0], lanes) for each in wanted]
    return dict(zip(wanted, gather(source, offsets), strict=True))


@lru_cache(maxsize=4096)
def _offsets(wanted: Arrangement, n_sources: int, batch: int, lanes: int) -> Offsets:
    return Offsets.of(wanted.offsets(n_sources, batch, lanes), lanes)


def small_layer(
    operands: Sequence[Tensor],
    arrangements: tuple[Arrangement, ...],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    bias: Tensor | None,
    size: tuple[int, ...],
) -> Tensor:
    """Return the sum of what flows into a layer through all its links, of shape `size`.

    The same as `sparse_layer` for a small batch, without gradients.

    Args:
        operands: for each link its source, from `arranged`.
        arrangements: of the links, which all end at the same map.
        weights: for each link the weights of its edges, of shape `[edges, *kernel]`.
        wirings: for each link its edges, from `wiring`.
        bias: of shape `[targets]`.
        size: of the layer's map, `[batch, targets, *size]`.

    Raises:
        InvalidValueError: maps and weights are of different types.
    """
    for operand, weight in zip(operands, weights, strict=True):
        check_types(operand.dtype, weight.dtype)
    batch, n_targets = size[:2]
    shape = arrangements[0].shape
    result = operands[0].new_empty(n_targets, *arrangements[0].size, batch)
    if bias is None:
        result.zero_()
    else:
        result.copy_(bias.view(-1, *(1,) * (result.ndim - 1)))
    if result.numel():
        _add_links_(result, operands, arrangements, weights, wirings)
    inside = result[(slice(None), *(slice(0, length) for length in shape.target))]
    return inside.movedim(-1, 0).reshape(size).contiguous()


def _add_links_(
    result: Tensor,
    operands: Sequence[Tensor],
    arrangements: tuple[Arrangement, ...],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
) -> None:
    n_targets, batch = result.shape[0], result.shape[-1]
    widths = tuple(operand.shape[1] for operand in operands)
    plan = _plan(arrangements, widths, ELEMENTS[result.dtype], n_targets, batch, torch.get_num_threads())
    weights = [weight.contiguous() for weight in weights]
    addresses = np.zeros((len(operands), 6), dtype=np.int64)
    addresses[:, 0] = result.data_ptr()
    addresses[:, 1] = [operand.data_ptr() for operand in operands]
    addresses[:, 2:4] = [addresses_by_target(packed, n_targets) for packed in wirings]
    addresses[:, 4] = [weight.data_ptr() for weight in weights]
    run("forward", plan, addresses)


@lru_cache(maxsize=4096)
def _plan(
    arrangements: tuple[Arrangement, ...],
    widths: tuple[int, ...],
    element: Element,
    n_targets: int,
    batch: int,
    n_threads: int,
) -> Plan:
    size = np.dtype(element).itemsize
    n_elements = math.prod(arrangements[0].size) * batch
    of_result = bands_of_places(n_elements, n_targets, size)
    width = max(1, math.ceil(n_targets * len(of_result) / (TASKS_PER_THREAD * n_threads)))
    rows: list[list[int]] = []
    tasks: list[tuple[int, int, int, int, int]] = []
    for band in of_result:
        first = len(rows)
        for number, (arrangement, width_of_source) in enumerate(zip(arrangements, widths, strict=True)):
            programs = _programs(arrangement, element, batch, band)
            strides = [n_elements * size, 0, width_of_source * size, 0]
            rows.append([number, *[0] * 5, *strides, 1, 1, len(programs.rows), programs.rows.ctypes.data])
        tasks += [(first, len(rows), 0, begin, min(begin + width, n_targets)) for begin in range(0, n_targets, width)]
    table = np.array(rows, dtype=np.int64).reshape(-1, len(LINK))
    return Plan(np.array(tasks, dtype=np.int64).reshape(-1, len(TASK)), table[:, 0].copy(), table)


@cache
def _programs(arrangement: Arrangement, element: Element, batch: int, band: range | None) -> Programs:
    shape, size = arrangement.shape, np.dtype(element).itemsize
    lanes = vector_bytes() // size
    length = math.prod(shape.target) * batch
    if arrangement.layout == "pairs":
        function = compile_function(pair_function(pairs_of(shape, batch, lanes), shape.n_taps, element), "tile")
        places = np.zeros((1, 2), dtype=np.int64)
        return Programs(np.array([[function, 1, places.ctypes.data]], dtype=np.int64), (places,), 0)
    if arrangement.layout == "rows":
        taps = [place * batch for place in tap_offsets(shape, arrangement.size)]
        length = math.prod(arrangement.size) * batch
        lanes = row_lanes(arrangement.size, batch, lanes)
    else:
        taps = [tap * length for tap in range(shape.n_taps)]
    tiles = column_tiles(taps, length, "forward", lanes, band)
    if sum(map(len, tiles.values())) == 1:
        tiles = {replace(program, streams=True): places for program, places in tiles.items()}
    return compiled(tiles, element, "forward", shape.n_taps)
