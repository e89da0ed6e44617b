"""Triton kernels of links cut into tiles of channels, see `block_tables`; maps stand in memory with channels last.

They are plain functions here; `swann.nn.gpu._compiled.kernel` compiles them. In all of them `TILE` is the channels of a
tile, `PLACES` the places of a map that a program works on, `ALIGNMENT` a power of two that divides all numbers of
channels, and `KIND` the type of the maps. Every program writes numbers of its own: nothing is added atomically, so
results are the same each time. Only what Triton itself provides is called, none of its library that is written in
Triton, for Triton's interpreter could not run that here.
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


def pack(addresses, tables, packed, entries, links, taps, edges, KIND: tl.constexpr, TILE: tl.constexpr):
    """Write the weights of an entry, step after step, as tiles of `[sources, targets]` with zeros where no edge is.

    The grid is of entries. `KIND` is the type of the weights, which the packed ones need not have.
    """
    entry = tl.program_id(0)
    link = tl.load(tables + entries + entry * 4)
    step = tl.load(tables + entries + entry * 4 + 2)
    about = tables + links + link * 8
    first_tap = tl.load(about + 5)
    n_live = tl.load(about + 6)
    n_taps = tl.load(about + 7)
    base = tl.load(addresses + link).to(tl.pointer_type(KIND))
    lanes = tl.arange(0, TILE)
    cells = lanes[:, None] * TILE + lanes[None, :]
    edge = tl.load(tables + edges + entry.to(tl.int64) * (TILE * TILE) + cells)
    exists = edge >= 0
    start = edge.to(tl.int64) * n_taps
    for tap in range(n_live):
        number = tl.load(tables + taps + (first_tap + tap) * 4 + 2)
        values = tl.load(base + (start + number), mask=exists, other=0.0)
        cell = (step + tap).to(tl.int64) * (TILE * TILE) + cells
        tl.store(packed + cell, values.to(packed.dtype.element_ty))


def unpack(
    addresses, tables, partial, entries, links, taps, edges, n_steps, n_parts, KIND: tl.constexpr, TILE: tl.constexpr
):
    """Write the gradients of an entry's weights into those of its link, from the sums of all parts of the places.

    The grid is of entries; `partial` is of shape `[parts, steps, sources, targets]`.
    """
    entry = tl.program_id(0)
    link = tl.load(tables + entries + entry * 4)
    step = tl.load(tables + entries + entry * 4 + 2)
    about = tables + links + link * 8
    first_tap = tl.load(about + 5)
    n_live = tl.load(about + 6)
    n_taps = tl.load(about + 7)
    base = tl.load(addresses + link).to(tl.pointer_type(KIND))
    lanes = tl.arange(0, TILE)
    cells = lanes[:, None] * TILE + lanes[None, :]
    edge = tl.load(tables + edges + entry.to(tl.int64) * (TILE * TILE) + cells)
    exists = edge >= 0
    start = edge.to(tl.int64) * n_taps
    between = n_steps.to(tl.int64) * (TILE * TILE)
    for tap in range(n_live):
        number = tl.load(tables + taps + (first_tap + tap) * 4 + 2)
        cell = (step + tap).to(tl.int64) * (TILE * TILE) + cells
        total = tl.full((TILE, TILE), 0.0, tl.float32)
        for part in range(n_parts):
            total += tl.load(partial + part * between + cell)
        tl.store(base + (start + number), total.to(KIND), mask=exists)


def forward(
    addresses,
    tables,
    packed,
    bias,
    result,
    target_starts,
    entries,
    links,
    taps,
    n_places,
    n_targets,
    height,
    width,
    n_parts,
    HAS_BIAS: tl.constexpr,
    KIND: tl.constexpr,
    PRECISION: tl.constexpr,
    ALIGNMENT: tl.constexpr,
    TILE: tl.constexpr,
    PLACES: tl.constexpr,
):
    """Write a layer's map, or the sum over each of several parts of its entries.

    The grid is of places, tiles of the target and parts; the result is of shape `[parts, places, targets]`.
    """
    place = tl.program_id(0) * PLACES + tl.arange(0, PLACES)
    tile = tl.program_id(1)
    part = tl.program_id(2)
    n_targets = tl.multiple_of(n_targets, ALIGNMENT)
    exists = place < n_places
    sample = (place // (height * width)).to(tl.int64)
    row = place // width % height
    column = place % width
    lanes = tl.arange(0, TILE)
    total = tl.full((PLACES, TILE), 0.0, tl.float32)
    first = tl.load(tables + target_starts + tile)
    n_entries = tl.load(tables + target_starts + tile + 1) - first
    for entry in range(first + n_entries * part // n_parts, first + n_entries * (part + 1) // n_parts):
        link = tl.load(tables + entries + entry * 4)
        channel = tl.multiple_of(tl.load(tables + entries + entry * 4 + 1), TILE)
        step = tl.load(tables + entries + entry * 4 + 2)
        about = tables + links + link * 8
        source_height = tl.load(about)
        source_width = tl.load(about + 1)
        n_sources = tl.multiple_of(tl.load(about + 2), ALIGNMENT)
        first_row = row * tl.load(about + 3)
        first_column = column * tl.load(about + 4)
        first_tap = tl.load(about + 5)
        n_taps = tl.load(about + 6)
        base = tl.multiple_of(tl.load(addresses + link).to(tl.pointer_type(KIND)), 16)
        is_channel = channel + lanes < n_sources
        for tap in range(n_taps):
            where = tables + taps + (first_tap + tap) * 4
            source_row = first_row + tl.load(where)
            source_column = first_column + tl.load(where + 1)
            meets = exists & (source_row >= 0) & (source_row < source_height)
            meets = meets & (source_column >= 0) & (source_column < source_width)
            start = ((sample * source_height + source_row) * source_width + source_column) * n_sources
            values = tl.load(
                base + (start[:, None] + (channel + lanes)[None, :]),
                mask=meets[:, None] & is_channel[None, :],
                other=0.0,
            )
            weights = packed + (step + tap).to(tl.int64) * (TILE * TILE)
            tile_of_weights = tl.load(weights + (lanes[:, None] * TILE + lanes[None, :]))
            total = tl.dot(values, tile_of_weights, total, input_precision=PRECISION)
    target = tile * TILE + lanes
    is_target = target < n_targets
    if HAS_BIAS:
        total += tl.load(bias + target, mask=is_target, other=0.0).to(tl.float32)[None, :]
    start = (part.to(tl.int64) * n_places + place) * n_targets
    tl.store(
        result + (start[:, None] + target[None, :]),
        total.to(result.dtype.element_ty),
        mask=exists[:, None] & is_target[None, :],
    )


def input_gradient(
    addresses,
    tables,
    programs,
    packed,
    gradient,
    entries,
    links,
    items,
    source_starts,
    source_entries,
    phase_taps,
    n_samples,
    n_targets,
    height,
    width,
    KIND: tl.constexpr,
    PRECISION: tl.constexpr,
    ALIGNMENT: tl.constexpr,
    TILE: tl.constexpr,
    PLACES: tl.constexpr,
):
    """Write the gradient of a phase of a tile of a link's source.

    The grid is of programs, each an item, and a number among those of its item.
    """
    program = tl.program_id(0).to(tl.int64)
    item = tables + items + tl.load(programs + program * 2) * 12
    place = tl.load(programs + program * 2 + 1) * PLACES + tl.arange(0, PLACES)
    link = tl.load(item)
    tile = tl.load(item + 1)
    channel = tl.multiple_of(tl.load(item + 2), TILE)
    phase_row = tl.load(item + 3)
    phase_column = tl.load(item + 4)
    phase_height = tl.load(item + 5)
    phase_width = tl.load(item + 6)
    first_tap = tl.load(item + 7)
    last_tap = tl.load(item + 8)
    n_targets = tl.multiple_of(n_targets, ALIGNMENT)
    exists = place < n_samples * phase_height * phase_width
    sample = (place // (phase_height * phase_width)).to(tl.int64)
    row = place // phase_width % phase_height
    column = place % phase_width
    lanes = tl.arange(0, TILE)
    total = tl.full((PLACES, TILE), 0.0, tl.float32)
    for position in range(tl.load(tables + source_starts + tile), tl.load(tables + source_starts + tile + 1)):
        entry = tl.load(tables + source_entries + position)
        step = tl.load(tables + entries + entry * 4 + 2)
        target = tl.multiple_of(tl.load(tables + entries + entry * 4 + 3), TILE)
        is_target = target + lanes < n_targets
        for tap in range(first_tap, last_tap):
            where = tables + phase_taps + tap * 4
            target_row = row + tl.load(where)
            target_column = column + tl.load(where + 1)
            meets = exists & (target_row >= 0) & (target_row < height)
            meets = meets & (target_column >= 0) & (target_column < width)
            start = ((sample * height + target_row) * width + target_column) * n_targets
            values = tl.load(
                gradient + (start[:, None] + (target + lanes)[None, :]),
                mask=meets[:, None] & is_target[None, :],
                other=0.0,
            )
            weights = packed + (step + tl.load(where + 2)).to(tl.int64) * (TILE * TILE)
            tile_of_weights = tl.load(weights + (lanes[:, None] * TILE + lanes[None, :]))
            total = tl.dot(values, tl.trans(tile_of_weights), total, input_precision=PRECISION)
    about = tables + links + link * 8
    source_height = tl.load(about)
    source_width = tl.load(about + 1)
    n_sources = tl.multiple_of(tl.load(about + 2), ALIGNMENT)
    source_row = phase_row + row * tl.load(about + 3)
    source_column = phase_column + column * tl.load(about + 4)
    base = tl.multiple_of(tl.load(addresses + link).to(tl.pointer_type(KIND)), 16)
    start = ((sample * source_height + source_row) * source_width + source_column) * n_sources
    tl.store(
        base + (start[:, None] + (channel + lanes)[None, :]),
        total.to(KIND),
        mask=exists[:, None] & (channel + lanes < n_sources)[None, :],
    )


def weight_gradient(
    addresses,
    tables,
    gradient,
    partial,
    entries,
    links,
    steps,
    n_steps,
    n_places,
    n_targets,
    height,
    width,
    places_of_part,
    KIND: tl.constexpr,
    PRECISION: tl.constexpr,
    ALIGNMENT: tl.constexpr,
    TILE: tl.constexpr,
    PLACES: tl.constexpr,
):
    """Write the gradient of a step's weights, summed over one part of the places.

    The grid is of steps and parts; `partial` is of shape `[parts, steps, sources, targets]`.
    """
    step = tl.program_id(0)
    part = tl.program_id(1)
    entry = tl.load(tables + steps + step * 4)
    tap_row = tl.load(tables + steps + step * 4 + 1)
    tap_column = tl.load(tables + steps + step * 4 + 2)
    link = tl.load(tables + entries + entry * 4)
    channel = tl.multiple_of(tl.load(tables + entries + entry * 4 + 1), TILE)
    target = tl.multiple_of(tl.load(tables + entries + entry * 4 + 3), TILE)
    about = tables + links + link * 8
    source_height = tl.load(about)
    source_width = tl.load(about + 1)
    n_sources = tl.multiple_of(tl.load(about + 2), ALIGNMENT)
    row_stride = tl.load(about + 3)
    column_stride = tl.load(about + 4)
    base = tl.multiple_of(tl.load(addresses + link).to(tl.pointer_type(KIND)), 16)
    n_targets = tl.multiple_of(n_targets, ALIGNMENT)
    lanes = tl.arange(0, TILE)
    is_channel = channel + lanes < n_sources
    is_target = target + lanes < n_targets
    total = tl.full((TILE, TILE), 0.0, tl.float32)
    first = part * places_of_part
    for begin in range(first, first + places_of_part, PLACES):
        place = begin + tl.arange(0, PLACES)
        exists = place < n_places
        sample = (place // (height * width)).to(tl.int64)
        source_row = place // width % height * row_stride + tap_row
        source_column = place % width * column_stride + tap_column
        meets = exists & (source_row >= 0) & (source_row < source_height)
        meets = meets & (source_column >= 0) & (source_column < source_width)
        start = ((sample * source_height + source_row) * source_width + source_column) * n_sources
        values = tl.load(
            base + (start[:, None] + (channel + lanes)[None, :]),
            mask=meets[:, None] & is_channel[None, :],
            other=0.0,
        )
        slopes = tl.load(
            gradient + (place.to(tl.int64)[:, None] * n_targets + (target + lanes)[None, :]),
            mask=exists[:, None] & is_target[None, :],
            other=0.0,
        )
        total = tl.dot(tl.trans(values), slopes, total, input_precision=PRECISION)
    cells = lanes[:, None] * TILE + lanes[None, :]
    cell = (part.to(tl.int64) * n_steps + step) * (TILE * TILE) + cells
    tl.store(partial + cell, total)
