import pytest
import torch
from tiles import CROP, DILATED, PLANE, block_mask, case_of

from swann import InvalidValueError
from swann.nn.gpu import block_tables, choose_tile
from swann.nn.gpu._layout import unflatten_layout
from swann.nn.kernels import LinkShape

LINE = LinkShape((4,), (2,), (3,), (2,), (1,), (1,))


def parts_of(masks, shapes, tile=16):
    layout, tables = block_tables(masks, shapes, tile)
    assert len(tables) == layout.n_numbers
    return {name: tables[start : start + size] for name, (start, size) in layout.sections.items()}


def test_the_tables_of_a_link_by_hand():
    """Of 20 targets and 3 sources only the second tile of the targets has edges; the kernel begins in the padding."""
    mask = torch.zeros(20, 3, dtype=torch.bool)
    mask[17, 2] = mask[18, 0] = True
    parts = parts_of([mask], [LINE])
    assert parts["target_starts"].tolist() == [0, 0, 1]
    assert parts["entries"].tolist() == [0, 0, 0, 16]
    assert parts["links"].tolist() == [1, 4, 3, 1, 2, 0, 3, 3]
    assert parts["taps"].view(-1, 4).tolist() == [[0, -1, 0, 0], [0, 0, 1, 0], [0, 1, 2, 0]]
    assert parts["steps"].view(-1, 4).tolist() == [[0, 0, -1, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    # even columns meet the middle tap, odd ones the last tap of their own place and the first tap of the next
    items = parts["items"].view(-1, 12)[:, :9].tolist()
    assert items == [[0, 0, 0, 0, 0, 1, 2, 0, 1], [0, 0, 0, 0, 1, 1, 2, 1, 3]]
    assert parts["phase_taps"].view(-1, 4).tolist() == [[0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 2, 0]]
    assert parts["source_starts"].tolist() == [0, 1]
    assert parts["source_entries"].tolist() == [0]
    edges = parts["edges"].view(16, 16)
    assert edges[2, 1] == 0
    assert edges[0, 2] == 1
    assert int((edges >= 0).sum()) == 2


def test_each_edge_is_in_one_tile():
    case = case_of()
    layout, _ = block_tables(case.masks, case.shapes, 16)
    parts = parts_of(case.masks, case.shapes)
    entries, edges = parts["entries"].view(-1, 4), parts["edges"].view(-1, 16, 16)
    for number, mask in enumerate(case.masks):
        found = torch.zeros(48, 48, dtype=torch.int64)
        for entry in (entries[:, 0] == number).nonzero().flatten():
            channel, target = entries[entry, 1], entries[entry, 3]
            found[target : target + 16, channel : channel + 16] = edges[entry].T + 1
        expected = torch.zeros_like(found)
        expected[: mask.shape[0], : mask.shape[1]][mask] = torch.arange(int(mask.sum())) + 1
        assert torch.equal(found, expected)
    assert entries[:, 3].tolist() == sorted(entries[:, 3].tolist())
    assert layout.n_entries == len(entries)


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
    assert layout.n_steps == 1


def test_a_layout_comes_back_from_its_numbers():
    case = case_of()
    layout, _ = block_tables(case.masks, case.shapes, 32)
    assert unflatten_layout(tuple(layout.flat())) == layout


@pytest.mark.parametrize(("size", "tile"), [(32, 32), (16, 16), (8, 16), (1, 32)])
def test_tiles_are_as_large_as_the_blocks_allow(size, tile):
    """Single edges everywhere fill all tiles of either size, and large ones read each number half as often."""
    assert choose_tile([block_mask(128, 128, size, 0.15)]) == tile


def test_maps_of_three_axes_are_refused():
    shape = LinkShape(*((1, 1, 1),) * 4, (0, 0, 0), (1, 1, 1))
    with pytest.raises(InvalidValueError, match="maps of two axes at the most, got one of size .1, 1, 1."):
        block_tables([torch.ones(1, 1, dtype=torch.bool)], [shape], 16)
