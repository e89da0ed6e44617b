import pytest
from links import shape_of

from swann.nn.kernels._arrangement import arrangements, pairs_of, picked

STRIDED = shape_of(4, 2, 3, stride=2, before=1)


def test_each_product_has_a_lane():
    """The first of two places misses its first tap, which falls into the padding."""
    assert pairs_of(STRIDED, 1, 16) == (((0, 1), (0, 2), (1, 0), (1, 1), (1, 2), None, None, None),)
    assert pairs_of(STRIDED, 1, 2) == (((0, 1), (1, 0)), ((1, 1), None), ((0, 2), (1, 2)))


def test_products_of_samples_stand_beside_each_other():
    one = shape_of(1, 1, 1)
    assert pairs_of(one, 3, 16) == (((0, 0), (1, 0), (2, 0), None),)


def test_what_is_met_in_maps_of_two_channels_and_two_samples():
    (way,) = arrangements((STRIDED,), 2, 16)
    assert way.layout == "pairs"
    first, second = [0, 1, 1, 2, 3], [8, 9, 9, 10, 11]  # the second sample's begins 2 · 4 elements later
    of_places = [*first[:2], *second[:2], *first[2:], *second[2:]]
    assert way.offsets(2, 2, 16).tolist() == [*of_places, *[-1] * 6]


def test_what_taps_pick_from_a_small_map():
    assert picked(STRIDED, 1, 4) == [[None, 1, None, None], [0, 2, None, None], [1, 3, None, None]]
    assert picked(shape_of(1, 1, 1), 2, 4) == [[0, 1, None, None]]


@pytest.mark.parametrize(
    ("shape", "batch", "layout"),
    [
        (shape_of((8, 8), (8, 8), (3, 3), (1, 1), (1, 1), (1, 1)), 1, "rows"),
        (shape_of((4, 4), (4, 4), (3, 3), (1, 1), (1, 1), (1, 1)), 1, "vector"),
        (shape_of((4, 4), (4, 4), (3, 3), (1, 1), (1, 1), (1, 1)), 2, "rows"),
        (shape_of((2, 2), (2, 2), (3, 3), (1, 1), (1, 1), (1, 1)), 1, "pairs"),
        (shape_of((), (), (), (), (), ()), 1, "pairs"),
        (shape_of((3, 3), (1, 1), (3, 3), (1, 1), (0, 0), (1, 1)), 7, "pairs"),
        (shape_of((8, 8), (4, 4), (3, 3), (2, 2), (1, 1), (1, 1)), 1, "columns"),
        (shape_of(3, 2, 2, stride=9, before=20), 1, "columns"),  # all taps fall into the padding
    ],
)
def test_layouts_by_the_number_of_products(shape, batch, layout):
    (way,) = arrangements((shape,), batch, 16)
    assert way.layout == layout
    assert arrangements((shape,), batch, 16)[0] is way
    assert way.length(batch, 16) == len(way.offsets(3, batch, 16))
