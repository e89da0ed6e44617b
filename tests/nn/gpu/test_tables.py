import pytest
import torch
from tiles import block_mask, case_of

from swann.nn.gpu import block_tables, choose_tile
from swann.nn.gpu._tables import NOWHERE
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
    assert parts["runs"].view(-1, 2).tolist() == [[0, 0], [0, 1]]
    assert parts["bundles"].tolist() == [0, 16, 0, 1]
    assert parts["entries"].tolist() == [0, 0, 0, 16]
    assert parts["links"].tolist() == [1, 4, 3, 1, 2, 0, 3, 3]
    assert parts["taps"].tolist() == [0, 1, 2]
    assert parts["steps"].view(-1, 4).tolist() == [[0, -1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, NOWHERE, 0]]
    # even columns meet the middle tap, odd ones the last tap of their own place and the first tap of the next
    assert parts["items"].view(-1, 8).tolist() == [[0, 0, 0, 0, 1, 2, 0, 1], [0, 0, 0, 1, 1, 2, 1, 2]]
    rest = [0, 0, NOWHERE, 0]
    found = parts["back_steps"].view(-1, 4).tolist()
    assert found == [[0, 0, 16, 1], rest, rest, rest, [0, 1, 16, 0], [0, 0, 16, 2], rest, rest]
    edges = parts["edges"].view(16, 16)
    assert edges[1, 2] == 0
    assert edges[2, 0] == 1
    assert int((edges >= 0).sum()) == 2


def test_runs_begin_with_new_groups_and_are_bundled():
    """Two links into one tile, of 9 taps each: of 18 and 9 steps, in groups of 4 and bundles of 4 groups."""
    shape = LinkShape((3, 3), (3, 3), (3, 3), (1, 1), (1, 1), (1, 1))
    masks = [torch.ones(16, 32, dtype=torch.bool), torch.ones(16, 16, dtype=torch.bool)]
    parts = parts_of(masks, [shape, shape])
    assert parts["runs"].view(-1, 2).tolist() == [[0, 0], [1, 5], [0, 8]]
    assert parts["entries"].view(-1, 4).tolist() == [[0, 0, 0, 0], [0, 16, 9, 0], [1, 0, 20, 0]]
    assert parts["bundles"].view(-1, 4).tolist() == [[0, 0, 0, 4], [0, 0, 4, 1], [1, 0, 5, 3]]
    channels = parts["steps"].view(-1, 4)[:, 2].tolist()
    assert channels == [0] * 9 + [16] * 9 + [NOWHERE] * 2 + [0] * 9 + [NOWHERE] * 3


def test_each_edge_is_in_one_tile():
    case = case_of()
    layout, _ = block_tables(case.masks, case.shapes, 16)
    parts = parts_of(case.masks, case.shapes)
    entries, edges = parts["entries"].view(-1, 4), parts["edges"].view(-1, 16, 16)
    for number, mask in enumerate(case.masks):
        found = torch.zeros(48, 48, dtype=torch.int64)
        for entry in (entries[:, 0] == number).nonzero().flatten():
            channel, target = entries[entry, 1], entries[entry, 3]
            found[target : target + 16, channel : channel + 16] = edges[entry] + 1
        expected = torch.zeros_like(found)
        expected[: mask.shape[0], : mask.shape[1]][mask] = torch.arange(int(mask.sum())) + 1
        assert torch.equal(found, expected)
    assert entries[:, 3].tolist() == sorted(entries[:, 3].tolist())
    assert layout.n_entries == len(entries)


@pytest.mark.parametrize(("size", "tile"), [(32, 32), (16, 16), (8, 16), (1, 32)])
def test_tiles_are_as_large_as_the_blocks_allow(size, tile):
    """Single edges everywhere fill all tiles of either size, and large ones read each number half as often."""
    assert choose_tile([block_mask(128, 128, size, 0.15)]) == tile
