import pytest
import torch
from tiles import block_mask, case_of

from swann.nn.gpu import block_tables, choose_tile
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


@pytest.mark.parametrize(("size", "tile"), [(32, 32), (16, 16), (8, 16), (1, 32)])
def test_tiles_are_as_large_as_the_blocks_allow(size, tile):
    """Single edges everywhere fill all tiles of either size, and large ones read each number half as often."""
    assert choose_tile([block_mask(128, 128, size, 0.15)]) == tile
