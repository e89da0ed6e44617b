import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from swann.nn.kernels import vector_bytes
from swann.nn.kernels._gather import Gathering, Offsets, gather
from swann.nn.kernels._gather_assembly import SCATTERED


def test_what_follows_each_other_has_a_base():
    found = Offsets.of(np.array([3, 4, 5, 6, -1, 8, -1, 10, 1, 3, -1, 5, -1, -1], dtype=np.int32), 4)
    assert found.numbers.tolist() == [[3, 4, 5, 6], [-1, 8, -1, 10], [1, 3, -1, 5], [-1, -1, -2, -2]]
    assert found.bases.tolist() == [3, 7, SCATTERED, 0]
    assert found.length == 14


@given(st.data(), st.sampled_from([torch.float32, torch.float64]))
def test_it_copies_what_indexing_does(data, dtype):
    n_nodes, n_elements = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 40))
    numbers = st.lists(st.integers(-1, n_elements - 1), min_size=1, max_size=50)
    runs = st.integers(0, n_elements - 1).map(lambda start: list(range(start, n_elements)))
    parts = data.draw(st.lists(st.one_of(numbers, runs), min_size=1, max_size=3))
    source = torch.arange(float(n_nodes * n_elements), dtype=dtype).view(1, n_nodes, n_elements) + 1
    lanes = vector_bytes() // source.element_size()
    offsets = [Offsets.of(np.array(part, dtype=np.int32), lanes) for part in parts]
    gathering = Gathering.of(offsets, n_nodes, source.element_size())
    found = gather(source, gathering)
    assert len(found) == gathering.length
    for part, start in zip(parts, gathering.starts, strict=True):
        index = torch.tensor(part)
        expected = source[0][:, index.clamp(min=0)] * (index >= 0)
        assert torch.equal(found[start : start + expected.numel()].view_as(expected), expected)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_samples_of_maps_in_any_layout(layout):
    source = torch.arange(24.0).view(2, 3, 2, 2).contiguous(memory_format=layout)
    of_two = Offsets.of(np.array([0, 12, 3, 15], dtype=np.int32), vector_bytes() // 4)
    found = gather(source, Gathering.of([of_two], 3, 4)).view(3, 2, 2)
    assert torch.equal(found, source[:, :, [0, 1], [0, 1]].permute(1, 2, 0))


def test_an_empty_map_gives_zeros():
    of_nothing = Offsets.of(np.array([-1, -1], dtype=np.int32), vector_bytes() // 4)
    assert gather(torch.zeros(1, 3, 0), Gathering.of([of_nothing], 3, 4)).tolist() == [0] * 6
