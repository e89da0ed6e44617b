"""Triton kernels around those that multiply: they bring weights and their gradients to their places, and add sums.

What `_kernels` says of names, and of what may be called, holds here too.
"""

import triton.language as tl


def write_addresses(table, a0, a1, a2, a3, a4, a5, a6, a7, COUNT: tl.constexpr):
    """Write up to eight addresses into a table of int64."""
    tl.store(table, a0)
    if COUNT > 1:
        tl.store(table + 1, a1)
    if COUNT > 2:
        tl.store(table + 2, a2)
    if COUNT > 3:
        tl.store(table + 3, a3)
    if COUNT > 4:
        tl.store(table + 4, a4)
    if COUNT > 5:
        tl.store(table + 5, a5)
    if COUNT > 6:
        tl.store(table + 6, a6)
    if COUNT > 7:
        tl.store(table + 7, a7)


def pack(
    addresses,
    tables,
    packed,
    entries,
    links,
    taps,
    edges,
    IS_TURNED: tl.constexpr,
    KIND: tl.constexpr,
    TILE: tl.constexpr,
    LANES: tl.constexpr,
    ROWS: tl.constexpr,
    TAPS: tl.constexpr,
):
    """Write the weights of an entry into the groups of its steps, with zeros where no edge is.

    The grid is of entries and parts of `ROWS` of their targets; `TAPS` are read at once. `packed` is of shape
    `[groups, TILE, LANES]`: for each target of a tile the weights from all sources in the lanes; `[groups, LANES,
    TILE]` if they are turned. `KIND` is the type of the weights.
    """
    entry = tl.program_id(0)
    link = tl.load(tables + entries + entry * 4)
    step = tl.load(tables + entries + entry * 4 + 2)
    about = tables + links + link * 8
    first_tap = tl.load(about + 5)
    n_live = tl.load(about + 6)
    n_taps = tl.load(about + 7)
    base = tl.load(addresses + link).to(tl.pointer_type(KIND))
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    cell = tl.arange(0, TAPS * TILE)
    lane = cell % TILE
    edge = tl.load(tables + edges + entry.to(tl.int64) * (TILE * TILE) + (row[:, None] * TILE + lane[None, :]))
    start = edge.to(tl.int64) * n_taps
    for first in range(0, n_live, TAPS):
        tap = first + cell // TILE
        is_tap = tap < n_live
        number = tl.load(tables + taps + first_tap + tap, mask=is_tap, other=0)
        values = tl.load(base + (start + number[None, :]), mask=(edge >= 0) & is_tap[None, :], other=0.0)
        group = (step + tap) // (LANES // TILE)
        of_group = (step + tap) % (LANES // TILE) * TILE + lane
        into = packed + group.to(tl.int64) * (TILE * LANES)
        if IS_TURNED:
            where = into[None, :] + (of_group[None, :] * TILE + row[:, None])
        else:
            where = into[None, :] + (row[:, None] * LANES + of_group[None, :])
        tl.store(where, values.to(packed.dtype.element_ty), mask=is_tap[None, :])


def unpack(
    addresses,
    tables,
    partial,
    entries,
    links,
    taps,
    edges,
    n_groups,
    n_parts,
    KIND: tl.constexpr,
    TILE: tl.constexpr,
    LANES: tl.constexpr,
    ROWS: tl.constexpr,
    TAPS: tl.constexpr,
):
    """Write the gradients of an entry's weights into those of its link, from the sums of all parts of the places.

    The grid is of entries and parts of `ROWS` of their targets; `TAPS` are written at once. `partial` is of shape
    `[parts, groups, LANES, TILE]`.
    """
    entry = tl.program_id(0)
    link = tl.load(tables + entries + entry * 4)
    step = tl.load(tables + entries + entry * 4 + 2)
    about = tables + links + link * 8
    first_tap = tl.load(about + 5)
    n_live = tl.load(about + 6)
    n_taps = tl.load(about + 7)
    base = tl.load(addresses + link).to(tl.pointer_type(KIND))
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    cell = tl.arange(0, TILE * TAPS)
    lane = cell // TAPS
    edge = tl.load(tables + edges + entry.to(tl.int64) * (TILE * TILE) + (row[None, :] * TILE + lane[:, None]))
    start = edge.to(tl.int64) * n_taps
    between = n_groups.to(tl.int64) * (LANES * TILE)
    for first in range(0, n_live, TAPS):
        tap = first + cell % TAPS
        is_tap = tap < n_live
        number = tl.load(tables + taps + first_tap + tap, mask=is_tap, other=0)
        place = ((step + tap).to(tl.int64) * (TILE * TILE) + lane * TILE)[:, None] + row[None, :]
        exists = (edge >= 0) & is_tap[:, None]
        total = tl.full((TILE * TAPS, ROWS), 0.0, tl.float32)
        for part in range(n_parts):
            total += tl.load(partial + part * between + place, mask=is_tap[:, None], other=0.0)
        tl.store(base + (start + number[:, None]), total.to(KIND), mask=exists)


def add_parts(partial, bias, result, n_parts, n_numbers, n_targets, HAS_BIAS: tl.constexpr, COUNT: tl.constexpr):
    """Write the sums of all parts of a map, and its bias; `partial` is of shape `[parts, places, targets]`."""
    number = tl.program_id(0).to(tl.int64) * COUNT + tl.arange(0, COUNT)
    exists = number < n_numbers
    total = tl.full((COUNT,), 0.0, tl.float32)
    for part in range(n_parts):
        total += tl.load(partial + part * n_numbers.to(tl.int64) + number, mask=exists, other=0.0)
    if HAS_BIAS:
        total += tl.load(bias + number % n_targets, mask=exists, other=0.0).to(tl.float32)
    tl.store(result + number, total.to(result.dtype.element_ty), mask=exists)


def bias_gradient(
    gradient,
    partial,
    n_places,
    n_targets,
    places_of_part,
    ALIGNMENT: tl.constexpr,
    TILE: tl.constexpr,
    PLACES: tl.constexpr,
):
    """Write the sums of a tile of a gradient's channels over one part of the places, as a product with ones.

    The grid is of tiles and parts; `partial` is of shape `[parts, targets]`.
    """
    part = tl.program_id(1)
    n_targets = n_targets // ALIGNMENT * ALIGNMENT
    target = tl.program_id(0) * TILE + tl.arange(0, TILE)
    is_target = target < n_targets
    row = tl.arange(0, 16)
    ones = tl.full((16, PLACES), 1.0, gradient.dtype.element_ty)
    total = tl.full((16, TILE), 0.0, tl.float32)
    first = part * places_of_part
    for begin in range(first, first + places_of_part, PLACES):
        place = begin + tl.arange(0, PLACES)
        slopes = tl.load(
            gradient + (place.to(tl.int64)[:, None] * n_targets + target[None, :]),
            mask=(place < n_places)[:, None] & is_target[None, :],
            other=0.0,
        )
        total = tl.dot(ones, slopes, total, input_precision="ieee")
    into = partial + (part * n_targets + target)[None, :] + row[:, None] * 0
    tl.store(into, total, mask=(row == 0)[:, None] & is_target[None, :])
