"""Layers at small batches without gradients."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np
import torch
from torch import Tensor

from ._arrangement import Arrangement, pairs_of, picked
from ._check import check_types
from ._code import Element, Stored
from ._compile import compile_function, vector_bytes
from ._gather import ELEMENTS, Gathering, Offsets, gather
from ._geometry import column_tiles
from ._pair_assembly import pair_function
from ._passes import set_to_bias_
from ._rows import n_places_in_rows, row_lanes, tap_offsets
from ._tables import LinkRow, Plan, Programs, bands_of_places, compiled, run
from ._vector_assembly import vector_function
from ._wiring import addresses_by_target

SMALL_BATCH = 8
"""Batches with fewer samples do not fill vectors; where there are no gradients they have a pass of their own."""

_HALF: dict[torch.dtype, Stored] = {torch.bfloat16: "bfloat16", torch.float16: "float16"}

Operand = tuple[Tensor, int]
"""A map in several arrangements, all in one row, and where the one that a link reads begins."""


def arranged(source: Tensor, wanted: tuple[Arrangement, ...]) -> dict[Arrangement, Operand]:
    """Return a map in several arrangements, each of which has its elements of the first channel, of the second, ...

    Args:
        source: of shape `[batch, sources, *size]`, float32 or float64.
        wanted: different ones.
    """
    gathering = _gathering(wanted, source.shape[1], source.shape[0], source.element_size())
    found = gather(source, gathering)
    return {each: (found, start) for each, start in zip(wanted, gathering.starts, strict=True)}


@lru_cache(maxsize=4096)
def _gathering(wanted: tuple[Arrangement, ...], n_sources: int, batch: int, itemsize: int) -> Gathering:
    lanes = vector_bytes() // itemsize
    parts = [Offsets.of(each.offsets(n_sources, batch, lanes), lanes) for each in wanted]
    return Gathering.of(parts, n_sources, itemsize)


def small_layer(
    operands: Sequence[Operand],
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
        weights: for each link the weights of its edges, of shape `[edges, *kernel]`; beside maps in float32 they may
            be bfloat16 or float16, all of one type.
        wirings: for each link its edges, from `wiring`.
        bias: of shape `[targets]`.
        size: of the layer's map, `[batch, targets, *size]`.

    Raises:
        InvalidValueError: maps and weights are of other types.
    """
    stored = {weight.dtype for weight in weights}
    if operands[0][0].dtype != torch.float32 or len(stored) > 1 or not stored <= _HALF.keys():
        for kind in stored:
            check_types(operands[0][0].dtype, kind)
    batch, n_targets = size[:2]
    shape = arrangements[0].shape
    result = operands[0][0].new_empty(n_targets, *arrangements[0].size, batch)
    set_to_bias_(result, bias, result.ndim - 1)
    if result.numel():
        _add_links_(result, operands, arrangements, weights, wirings)
    inside = result[(slice(None), *(slice(0, length) for length in shape.target))]
    return inside.movedim(-1, 0).reshape(size).contiguous()


def _add_links_(
    result: Tensor,
    operands: Sequence[Operand],
    arrangements: tuple[Arrangement, ...],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
) -> None:
    n_targets, batch, size = result.shape[0], result.shape[-1], result.element_size()
    element = ELEMENTS[result.dtype]
    stored = _HALF.get(weights[0].dtype, element)
    plan = _plan(arrangements, element, stored, n_targets, batch, torch.get_num_threads())
    weights = [weight if weight.is_contiguous() else weight.contiguous() for weight in weights]
    addresses = np.zeros((len(operands), 6), dtype=np.int64)
    addresses[:, 0] = result.data_ptr()
    addresses[:, 1] = [found.data_ptr() + start * size for found, start in operands]
    addresses[:, 2:4] = [addresses_by_target(packed, n_targets) for packed in wirings]
    addresses[:, 4] = [weight.data_ptr() for weight in weights]
    run("forward", plan, addresses)


@lru_cache(maxsize=4096)
def _plan(
    arrangements: tuple[Arrangement, ...],
    element: Element,
    stored: Stored,
    n_targets: int,
    batch: int,
    n_threads: int,
) -> Plan:
    size = np.dtype(element).itemsize
    n_elements = math.prod(arrangements[0].size) * batch
    rows: list[list[LinkRow]] = []
    for band in bands_of_places(n_elements, n_targets, size):
        rows.append([])
        for arrangement in arrangements:
            programs = link_programs(arrangement, element, stored, batch, band)
            n_read = arrangement.length(batch, vector_bytes() // size)
            strides = (n_elements * size, 0, n_read * size, 0)
            rows[-1].append((*strides, 1, 1, len(programs.rows), programs.rows.ctypes.data))
    return Plan.of(rows, n_targets, n_threads)


@cache
def link_programs(
    arrangement: Arrangement, element: Element, stored: Stored, batch: int, band: range | None
) -> Programs:
    """Return the programs that add a link's edges to a layer's map, or to a band of each node's elements.

    Args:
        arrangement: how the link's source is laid out.
        element: type of the maps.
        stored: type of the weights.
        batch: samples.
        band: of the elements of a node; all if None.
    """
    shape, size = arrangement.shape, np.dtype(element).itemsize
    lanes = vector_bytes() // size
    length = math.prod(shape.target) * batch
    if arrangement.layout in ("pairs", "vector"):
        if arrangement.layout == "pairs":
            assembly = pair_function(pairs_of(shape, batch, lanes), shape.n_taps, element, stored)
        else:
            assembly = vector_function(picked(shape, batch, lanes), length, element, stored)
        function = compile_function(assembly, "tile")
        places = np.zeros((1, 2), dtype=np.int64)
        return Programs(np.array([[function, 1, places.ctypes.data]], dtype=np.int64), (places,), 0)
    if arrangement.layout == "rows":
        taps = [place * batch for place in tap_offsets(shape, arrangement.size)]
        places_of_rows = n_places_in_rows(shape.target, arrangement.size)
        length = places_of_rows * batch
        lanes = row_lanes(places_of_rows, arrangement.size[-1], batch, lanes)
    else:
        taps = [tap * length for tap in range(shape.n_taps)]
    tiles = column_tiles(taps, length, lanes, band)
    if sum(map(len, tiles.values())) == 1:
        tiles = {replace(program, streams=True): places for program, places in tiles.items()}
    return compiled(tiles, element, "forward", shape.n_taps, stored)
