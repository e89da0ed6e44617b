"""Triton kernels that multiply links cut into tiles of channels, see `block_tables`, at maps with channels last.

They are plain functions here; `swann.nn.gpu._compiled.kernel` compiles them. In all of them `TILE` is the channels of a
tile, `LANES` the channels of a group of tiles that are multiplied at once, `PLACES` the places of a map that a program
works on, `ALIGNMENT` a power of two that divides all numbers of channels, `KIND` the type of the maps, and `IS_WIDE`
whether a map has 2^31 numbers or more. Every program writes numbers of its own: nothing is added atomically, so results
are the same each time. Only what Triton itself provides is called, none of its library that is written in Triton, for
Triton's interpreter could not run that here.
"""

import triton.language as tl

from ._tables import NOWHERE as _NOWHERE

NOWHERE = tl.constexpr(_NOWHERE)


def forward(
    addresses,
    tables,
    packed,
    bias,
    result,
    target_starts,
    runs,
    steps,
    links,
    n_places,
    n_targets,
    height,
    width,
    n_parts,
    HAS_BIAS: tl.constexpr,
    IS_TURNED: tl.constexpr,
    KIND: tl.constexpr,
    PRECISION: tl.constexpr,
    ALIGNMENT: tl.constexpr,
    IS_WIDE: tl.constexpr,
    TILE: tl.constexpr,
    LANES: tl.constexpr,
    PLACES: tl.constexpr,
):
    """Write a layer's map, or the sum over each of several parts of its groups.

    The grid is of tiles of the target within places, and parts; the result is of shape `[parts, places, targets]`.
    """
    n_targets = n_targets // ALIGNMENT * ALIGNMENT
    n_tiles = (n_targets + TILE - 1) // TILE
    tile = tl.program_id(0) % n_tiles
    part = tl.program_id(1)
    place = tl.program_id(0) // n_tiles * PLACES + tl.arange(0, PLACES)
    exists = place < n_places
    sample = place // (height * width)
    row = place // width % height
    column = place % width
    if IS_WIDE:
        sample = sample.to(tl.int64)
    lane = tl.arange(0, LANES)
    target = tl.arange(0, TILE)
    total = tl.full((PLACES, TILE), 0.0, tl.float32)
    first_run = tl.load(tables + target_starts + tile)
    last_run = tl.load(tables + target_starts + tile + 1)
    first = tl.load(tables + runs + first_run * 2 + 1)
    n_groups = tl.load(tables + runs + last_run * 2 + 1) - first
    last = first + n_groups * (part + 1) // n_parts
    first += n_groups * part // n_parts
    for run in range(first_run, last_run):
        link = tl.load(tables + runs + run * 2)
        about = tables + links + link * 8
        source_height = tl.load(about)
        source_width = tl.load(about + 1)
        n_sources = tl.multiple_of(tl.load(about + 2), ALIGNMENT)
        first_row = row * tl.load(about + 3)
        first_column = column * tl.load(about + 4)
        start = ((sample * source_height + first_row) * source_width + first_column) * n_sources
        first_row = tl.where(exists, first_row, NOWHERE)
        base = tl.multiple_of(tl.load(addresses + link).to(tl.pointer_type(KIND)), 16)
        begin = tl.maximum(first, tl.load(tables + runs + run * 2 + 1))
        end = tl.minimum(last, tl.load(tables + runs + run * 2 + 3))
        for group in range(begin, end):
            step = tables + steps + group * (LANES // TILE * 4)
            tap_row = tl.full((LANES,), 0, tl.int32) + tl.load(step)
            tap_column = tl.full((LANES,), 0, tl.int32) + tl.load(step + 1)
            channel = tl.full((LANES,), 0, tl.int32) + tl.load(step + 2)
            for number in tl.static_range(1, LANES // TILE):
                is_later = lane >= number * TILE
                tap_row = tl.where(is_later, tl.load(step + number * 4), tap_row)
                tap_column = tl.where(is_later, tl.load(step + number * 4 + 1), tap_column)
                channel = tl.where(is_later, tl.load(step + number * 4 + 2), channel)
            tap_row = tl.max_constancy(tap_row, TILE)
            tap_column = tl.max_constancy(tap_column, TILE)
            channel = tl.max_constancy(tl.multiple_of(channel, TILE), TILE) + lane % TILE
            is_channel = channel < n_sources
            source_row = (first_row[:, None] + tap_row[None, :]).to(tl.uint32)
            source_column = (first_column[:, None] + tap_column[None, :]).to(tl.uint32)
            meets = (source_row < source_height.to(tl.uint32)) & (source_column < source_width.to(tl.uint32))
            offset = (tap_row * source_width + tap_column) * n_sources + channel
            values = tl.load(base + (start[:, None] + offset[None, :]), mask=meets & is_channel[None, :], other=0.0)
            of_group = packed + tl.cast(group, tl.int64) * (TILE * LANES)
            if IS_TURNED:
                weights = tl.load(
                    of_group + (lane[:, None] * TILE + target[None, :]), mask=is_channel[:, None], other=0.0
                )
                total = tl.dot(values, weights, total, input_precision=PRECISION)
            else:
                weights = tl.load(
                    of_group + (target[:, None] * LANES + lane[None, :]), mask=is_channel[None, :], other=0.0
                )
                total = tl.dot(values, tl.trans(weights), total, input_precision=PRECISION)
    target += tile * TILE
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
    links,
    items,
    back_steps,
    n_samples,
    n_targets,
    height,
    width,
    IS_TURNED: tl.constexpr,
    KIND: tl.constexpr,
    PRECISION: tl.constexpr,
    ALIGNMENT: tl.constexpr,
    IS_WIDE: tl.constexpr,
    TILE: tl.constexpr,
    LANES: tl.constexpr,
    PLACES: tl.constexpr,
):
    """Write the gradient of a phase of a tile of a link's source, or add it to what stands there.

    The grid is of programs: each an item, a number among those of its item, and whether it adds.
    """
    program = programs + tl.program_id(0).to(tl.int64) * 4
    item = tables + items + tl.load(program) * 8
    place = tl.load(program + 1) * PLACES + tl.arange(0, PLACES)
    link = tl.load(item)
    first_channel = tl.multiple_of(tl.load(item + 1), TILE)
    phase_row = tl.load(item + 2)
    phase_column = tl.load(item + 3)
    phase_height = tl.load(item + 4)
    phase_width = tl.load(item + 5)
    n_targets = n_targets // ALIGNMENT * ALIGNMENT
    exists = place < n_samples * phase_height * phase_width
    sample = place // (phase_height * phase_width)
    row = place // phase_width % phase_height
    column = place % phase_width
    if IS_WIDE:
        sample = sample.to(tl.int64)
    lane = tl.arange(0, LANES)
    channel = tl.arange(0, TILE)
    total = tl.full((PLACES, TILE), 0.0, tl.float32)
    start = ((sample * height + row) * width + column) * n_targets
    first_row = tl.where(exists, row, NOWHERE)
    n_rows = height.to(tl.uint32)
    n_columns = width.to(tl.uint32)
    first = tl.load(item + 6)
    last = tl.load(item + 7)
    for group in range(first, last):
        step = tables + back_steps + group * (LANES // TILE * 4)
        tap_row = tl.full((LANES,), 0, tl.int32) + tl.load(step)
        tap_column = tl.full((LANES,), 0, tl.int32) + tl.load(step + 1)
        target = tl.full((LANES,), 0, tl.int32) + tl.load(step + 2)
        weight = tl.full((LANES,), 0, tl.int32) + tl.load(step + 3)
        for number in tl.static_range(1, LANES // TILE):
            is_later = lane >= number * TILE
            tap_row = tl.where(is_later, tl.load(step + number * 4), tap_row)
            tap_column = tl.where(is_later, tl.load(step + number * 4 + 1), tap_column)
            target = tl.where(is_later, tl.load(step + number * 4 + 2), target)
            weight = tl.where(is_later, tl.load(step + number * 4 + 3), weight)
        tap_row = tl.max_constancy(tap_row, TILE)
        tap_column = tl.max_constancy(tap_column, TILE)
        target = tl.max_constancy(tl.multiple_of(target, TILE), TILE) + lane % TILE
        weight = tl.max_constancy(weight, TILE)
        is_target = target < n_targets
        target_row = (first_row[:, None] + tap_row[None, :]).to(tl.uint32)
        target_column = (column[:, None] + tap_column[None, :]).to(tl.uint32)
        meets = (target_row < n_rows) & (target_column < n_columns)
        offset = (tap_row * width + tap_column) * n_targets + target
        values = tl.load(gradient + (start[:, None] + offset[None, :]), mask=meets & is_target[None, :], other=0.0)
        group_of_weight = (weight // (LANES // TILE)).to(tl.int64) * (TILE * LANES)
        if IS_TURNED:
            of_lane = group_of_weight + weight % (LANES // TILE) * (TILE * TILE) + lane % TILE
            of_lane = tl.max_contiguous(of_lane, TILE)
            weights = tl.load(packed + (channel[:, None] * TILE + of_lane[None, :]), mask=is_target[None, :], other=0.0)
            total = tl.dot(values, tl.trans(weights), total, input_precision=PRECISION)
        else:
            of_lane = group_of_weight + weight % (LANES // TILE) * TILE + lane % TILE * LANES
            of_lane = tl.multiple_of(of_lane, TILE)
            weights = tl.load(packed + (of_lane[:, None] + channel[None, :]), mask=is_target[:, None], other=0.0)
            total = tl.dot(values, weights, total, input_precision=PRECISION)
    about = tables + links + link * 8
    source_height = tl.load(about)
    source_width = tl.load(about + 1)
    n_sources = tl.multiple_of(tl.load(about + 2), ALIGNMENT)
    source_row = phase_row + row * tl.load(about + 3)
    source_column = phase_column + column * tl.load(about + 4)
    base = tl.multiple_of(tl.load(addresses + link).to(tl.pointer_type(KIND)), 16)
    start = ((sample * source_height + source_row) * source_width + source_column) * n_sources
    into = base + (start[:, None] + (first_channel + channel)[None, :])
    adds = tl.load(program + 2)
    writes = 1 - adds * (1 - tl.minimum(last - first, 1))
    is_added = exists[:, None] & (first_channel + channel < n_sources * adds * writes)[None, :]
    total += tl.load(into, mask=is_added, other=0.0).to(tl.float32)
    is_written = exists[:, None] & (first_channel + channel < n_sources * writes)[None, :]
    tl.store(into, total.to(KIND), mask=is_written)


def weight_gradient(
    addresses,
    tables,
    gradient,
    partial,
    bundles,
    steps,
    links,
    n_groups,
    n_places,
    n_targets,
    height,
    width,
    factor_of_area,
    bits_of_area,
    factor_of_width,
    bits_of_width,
    places_of_part,
    KIND: tl.constexpr,
    PRECISION: tl.constexpr,
    ALIGNMENT: tl.constexpr,
    IS_WIDE: tl.constexpr,
    TILE: tl.constexpr,
    LANES: tl.constexpr,
    PLACES: tl.constexpr,
):
    """Write the gradients of a bundle of up to four groups' weights, summed over one part of the places.

    The grid is of bundles and parts; `partial` is of shape `[parts, groups, LANES, TILE]`. A loop in Triton carries no
    list of sums, so what is done for a group is written out for each of the four.
    """
    bundle = tables + bundles + tl.program_id(0) * 4
    part = tl.program_id(1)
    link = tl.load(bundle)
    target = tl.multiple_of(tl.load(bundle + 1), TILE) + tl.arange(0, TILE)
    group = tl.load(bundle + 2)
    count = tl.load(bundle + 3)
    about = tables + links + link * 8
    source_height = tl.load(about).to(tl.uint32)
    source_width = tl.load(about + 1)
    n_columns = source_width.to(tl.uint32)
    n_sources = tl.multiple_of(tl.load(about + 2), ALIGNMENT)
    row_stride = tl.load(about + 3)
    column_stride = tl.load(about + 4)
    base = tl.multiple_of(tl.load(addresses + link).to(tl.pointer_type(KIND)), 16)
    n_targets = n_targets // ALIGNMENT * ALIGNMENT
    lane = tl.arange(0, LANES)
    step = tables + steps + (group * (LANES // TILE) + lane // TILE) * 4
    tap_row = tl.max_constancy(tl.load(step), TILE)
    tap_column = tl.max_constancy(tl.load(step + 1), TILE)
    channel = tl.max_constancy(tl.multiple_of(tl.load(step + 2), TILE), TILE) + lane % TILE
    offset = (tap_row * source_width + tap_column) * n_sources + channel
    is_channel = channel < n_sources
    step1 = step + tl.where(count > 1, LANES // TILE * 4, 0)
    tap_row1 = tl.max_constancy(tl.load(step1), TILE)
    tap_column1 = tl.max_constancy(tl.load(step1 + 1), TILE)
    channel1 = tl.max_constancy(tl.multiple_of(tl.load(step1 + 2), TILE), TILE) + lane % TILE
    offset1 = (tap_row1 * source_width + tap_column1) * n_sources + channel1
    is_channel1 = channel1 < n_sources
    step2 = step + tl.where(count > 2, LANES // TILE * 8, 0)
    tap_row2 = tl.max_constancy(tl.load(step2), TILE)
    tap_column2 = tl.max_constancy(tl.load(step2 + 1), TILE)
    channel2 = tl.max_constancy(tl.multiple_of(tl.load(step2 + 2), TILE), TILE) + lane % TILE
    offset2 = (tap_row2 * source_width + tap_column2) * n_sources + channel2
    is_channel2 = channel2 < n_sources
    step3 = step + tl.where(count > 3, LANES // TILE * 12, 0)
    tap_row3 = tl.max_constancy(tl.load(step3), TILE)
    tap_column3 = tl.max_constancy(tl.load(step3 + 1), TILE)
    channel3 = tl.max_constancy(tl.multiple_of(tl.load(step3 + 2), TILE), TILE) + lane % TILE
    offset3 = (tap_row3 * source_width + tap_column3) * n_sources + channel3
    is_channel3 = channel3 < n_sources
    is_target = target < n_targets
    total = tl.full((LANES, TILE), 0.0, tl.float32)
    total1 = tl.full((LANES, TILE), 0.0, tl.float32)
    total2 = tl.full((LANES, TILE), 0.0, tl.float32)
    total3 = tl.full((LANES, TILE), 0.0, tl.float32)
    first = part * places_of_part
    for begin in range(first, first + places_of_part, PLACES):
        place = begin + tl.arange(0, PLACES)
        exists = place < n_places
        number = place.to(tl.uint32)
        sample = ((tl.umulhi(number, factor_of_area.to(tl.uint32)) + number) >> bits_of_area).to(tl.int32)
        number = (place - sample * (height * width)).to(tl.uint32)
        row = ((tl.umulhi(number, factor_of_width.to(tl.uint32)) + number) >> bits_of_width).to(tl.int32)
        first_column = (number.to(tl.int32) - row * width) * column_stride
        first_row = row * row_stride
        if IS_WIDE:
            sample = sample.to(tl.int64)
            place = place.to(tl.int64)
        start = ((sample * source_height.to(tl.int32) + first_row) * source_width + first_column) * n_sources
        first_row = tl.where(exists, first_row, NOWHERE)
        slopes = tl.load(
            gradient + ((place * n_targets)[:, None] + target[None, :]),
            mask=exists[:, None] & is_target[None, :],
            other=0.0,
        )
        source_row = (first_row[:, None] + tap_row[None, :]).to(tl.uint32)
        source_column = (first_column[:, None] + tap_column[None, :]).to(tl.uint32)
        meets = (source_row < source_height) & (source_column < n_columns) & is_channel[None, :]
        values = tl.load(base + (start[:, None] + offset[None, :]), mask=meets, other=0.0)
        total = tl.dot(tl.trans(values), slopes, total, input_precision=PRECISION)
        if count > 1:
            source_row = (first_row[:, None] + tap_row1[None, :]).to(tl.uint32)
            source_column = (first_column[:, None] + tap_column1[None, :]).to(tl.uint32)
            meets = (source_row < source_height) & (source_column < n_columns) & is_channel1[None, :]
            values = tl.load(base + (start[:, None] + offset1[None, :]), mask=meets, other=0.0)
            total1 = tl.dot(tl.trans(values), slopes, total1, input_precision=PRECISION)
        if count > 2:
            source_row = (first_row[:, None] + tap_row2[None, :]).to(tl.uint32)
            source_column = (first_column[:, None] + tap_column2[None, :]).to(tl.uint32)
            meets = (source_row < source_height) & (source_column < n_columns) & is_channel2[None, :]
            values = tl.load(base + (start[:, None] + offset2[None, :]), mask=meets, other=0.0)
            total2 = tl.dot(tl.trans(values), slopes, total2, input_precision=PRECISION)
        if count > 3:
            source_row = (first_row[:, None] + tap_row3[None, :]).to(tl.uint32)
            source_column = (first_column[:, None] + tap_column3[None, :]).to(tl.uint32)
            meets = (source_row < source_height) & (source_column < n_columns) & is_channel3[None, :]
            values = tl.load(base + (start[:, None] + offset3[None, :]), mask=meets, other=0.0)
            total3 = tl.dot(tl.trans(values), slopes, total3, input_precision=PRECISION)
    into = partial + (part.to(tl.int64) * n_groups + group) * (LANES * TILE)
    into += lane[:, None] * TILE + tl.arange(0, TILE)[None, :]
    tl.store(into, total)
    if count > 1:
        tl.store(into + LANES * TILE, total1)
    if count > 2:
        tl.store(into + 2 * LANES * TILE, total2)
    if count > 3:
        tl.store(into + 3 * LANES * TILE, total3)
