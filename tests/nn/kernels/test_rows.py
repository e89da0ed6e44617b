import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from links import shape_of

from swann.nn.kernels._rows import extents, n_places_in_rows, places_in_rows, row_lanes, tap_offsets


def test_each_tap_along_the_last_axis_has_a_copy_and_each_phase_along_the_others():
    """Of 6×6 places, at stride 2 and with a row of zeros before, kernels of 3×3 meet 3×3 places."""
    shape = shape_of((6, 6), (3, 3), (3, 3), (2, 2), (1, 1), (1, 1))
    size = extents((shape,), 1, 16)
    assert size == (3, 4)  # 3 places and one to fill half a vector up
    copy = 4 * 4  # one row more than the layer's map has, for the third tap
    assert tap_offsets(shape, size) == (*(copy * number for number in range(6)), 4, copy + 4, 2 * copy + 4)
    copies = places_in_rows(shape, size).reshape(6, 4, 4)
    assert copies[0, :, :3].tolist() == [[-1, -1, -1], [-1, 7, 9], [-1, 19, 21], [-1, 31, 33]]
    assert copies[1, :, :3].tolist() == [[-1, -1, -1], [6, 8, 10], [18, 20, 22], [30, 32, 34]]
    assert copies[4, :, :3].tolist() == [[0, 2, 4], [12, 14, 16], [24, 26, 28], [-1, -1, -1]]


@pytest.mark.parametrize(
    ("target", "batch", "size", "lanes"),
    [
        ((32, 32), 1, (32, 32), 16),
        ((8, 8), 1, (8, 8), 8),
        ((7, 7), 1, (7, 8), 8),
        ((4, 4), 1, (4, 4), 8),
        ((28, 28), 1, (28, 32), 16),
        ((5, 5), 3, (5, 8), 8),
        ((40,), 1, (40,), 8),
    ],
)
def test_rows_are_whole_vectors_or_halves(target, batch, size, lanes):
    ones = (1,) * len(target)
    shape = shape_of(target, target, ones, ones, (0,) * len(target), ones)
    assert extents((shape,), batch, 16) == size
    assert row_lanes(n_places_in_rows(target, size), size[-1], batch, 16) == lanes


def test_axes_between_the_first_and_the_last_have_room_for_every_links_reach():
    near = shape_of((5, 5, 5), (5, 5, 5), (1, 1, 1), (1, 1, 1), (0, 0, 0), (1, 1, 1))
    far = shape_of((5, 5, 5), (5, 5, 5), (3, 3, 3), (1, 1, 1), (2, 2, 2), (1, 2, 2))
    size = extents((near, far), 1, 16)
    assert size == (5, 5 + 4, 8)
    copies = places_in_rows(far, size).reshape(3, 7, 9, 8)
    read = set(copies[copies >= 0].tolist())
    assert read == set(range(5**3))
    for tap, offset in zip(np.ndindex(3, 3, 3), tap_offsets(far, size), strict=True):
        assert offset == tap[2] * math.prod((7, 9, 8)) + tap[0] * 72 + 2 * tap[1] * 8


@given(st.data(), st.integers(1, 3), st.sampled_from([4, 8, 16]))
def test_no_tap_meets_what_stands_behind_its_copy(data, batch, lanes):
    """Also for the places between rows that are computed and thrown away: nothing beyond the last copy is read."""
    n_axes = data.draw(st.integers(1, 3))
    target = tuple(data.draw(st.integers(1, 7)) for _ in range(n_axes))
    shapes = []
    for _ in range(2):
        parts = [[data.draw(st.integers(1, 4)) for _ in range(n_axes)] for _ in range(3)]
        shapes.append(shape_of((20,) * n_axes, target, *map(tuple, parts[:2]), (0,) * n_axes, tuple(parts[2])))
    size = extents(tuple(shapes), batch, lanes)
    for shape in shapes:
        n_read = len(places_in_rows(shape, size))
        assert max(tap_offsets(shape, size)) + n_places_in_rows(target, size) <= n_read
