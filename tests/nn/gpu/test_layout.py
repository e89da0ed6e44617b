import pytest
import torch
from tiles import CROP, DILATED, PLANE, case_of

from swann import InvalidValueError
from swann.nn.gpu import block_tables
from swann.nn.gpu._layout import unflatten_layout
from swann.nn.kernels import LinkShape


@pytest.mark.parametrize("shape", [PLANE, CROP, DILATED])
def test_phases_pair_places_and_taps_as_the_forward_pass_does(shape):
    """All triples of a place of the source, a tap and a place of the target, found in both directions."""
    layout, _ = block_tables([torch.ones(1, 1, dtype=torch.bool)], [shape], 16)
    (link,) = layout.links
    forward, backward = set(), set()
    rows, columns = shape.target
    for row in range(rows):
        for column in range(columns):
            for rank, (down, right, _) in enumerate(link.taps):
                place = row * shape.stride[0] + down, column * shape.stride[1] + right
                if 0 <= place[0] < shape.source[0] and 0 <= place[1] < shape.source[1]:
                    forward.add((place, rank, (row, column)))
    for phase in link.phases:
        for row in range(phase.size[0]):
            for column in range(phase.size[1]):
                place = phase.first[0] + row * shape.stride[0], phase.first[1] + column * shape.stride[1]
                assert place[0] < shape.source[0]
                assert place[1] < shape.source[1]
                for down, right, rank in phase.taps:
                    if 0 <= row + down < rows and 0 <= column + right < columns:
                        backward.add((place, rank, (row + down, column + right)))
    assert forward == backward != set()


def test_taps_that_never_meet_the_map_are_left_out():
    """Of a 3×3 kernel at a map of one place, the middle tap is left."""
    shape = LinkShape((1, 1), (1, 1), (3, 3), (1, 1), (1, 1), (1, 1))
    layout, _ = block_tables([torch.ones(16, 16, dtype=torch.bool)], [shape], 16)
    assert layout.links[0].taps == ((0, 0, 4),)
    assert layout.n_groups == 1


def test_a_layout_comes_back_from_its_numbers():
    case = case_of()
    layout, _ = block_tables(case.masks, case.shapes, 32)
    assert unflatten_layout(tuple(layout.flat())) == layout


def test_maps_of_three_axes_are_refused():
    shape = LinkShape(*((1, 1, 1),) * 4, (0, 0, 0), (1, 1, 1))
    with pytest.raises(InvalidValueError, match="maps of two axes at the most, got one of size .1, 1, 1."):
        block_tables([torch.ones(1, 1, dtype=torch.bool)], [shape], 16)
