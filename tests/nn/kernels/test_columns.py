import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from links import shape_of

from swann.nn.kernels import LinkShape, needs_columns, to_blocks, to_columns


@pytest.mark.parametrize(("batch", "expected"), [(1, True), (7, True), (8, False), (16, False), (32, False)])
def test_small_batches_need_columns(batch, expected):
    assert needs_columns(to_blocks(torch.zeros(batch, 2, 3))) == expected


def test_by_hand():
    source = torch.tensor([1.0, 2, 3, 4]).view(1, 1, 4, 1)
    assert to_columns(source, shape_of(4, 2, 3, stride=2, before=1)).tolist() == [[[0, 2], [1, 3], [2, 4]]]
    assert to_columns(source, shape_of(4, 2, 1, stride=2, before=-1)).tolist() == [[[2, 4]]]


@given(st.integers(2, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.integers(1, 7))
def test_they_are_what_torch_unfolds(side, kernel, stride, padding, dilation, batch):
    target = (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    if target < 1:
        return
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(batch, 3, side, side, generator=generator, dtype=torch.float64)
    shape = LinkShape(*((number,) * 2 for number in (side, target, kernel, stride, padding, dilation)))
    unfolded = F.unfold(maps, kernel, dilation, padding, stride).unflatten(1, (3, kernel**2))
    assert torch.equal(to_columns(to_blocks(maps), shape), unfolded.permute(1, 2, 3, 0).flatten(2))


@pytest.mark.parametrize("before", [-1, 0, 2])
def test_their_gradient(before):
    shape = LinkShape((5, 4), (2, 3), (3, 2), (2, 1), (before, 1), (1, 2))
    source = torch.randn(1, 2, 5, 4, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda maps: to_columns(maps, shape), source.requires_grad_())


def test_a_kernel_that_meets_padding_alone():
    """The crop after the map is larger than the map."""
    source = torch.ones(1, 1, 1, 2, requires_grad=True)
    columns = to_columns(source, shape_of(1, 1, 1, stride=5, before=2))
    assert columns.tolist() == [[[0, 0]]]
    assert not torch.autograd.grad(columns.sum(), source)[0].any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_they_keep_the_type(dtype):
    source = torch.arange(8).view(1, 2, 4, 1).to(dtype)
    columns = to_columns(source, shape_of(4, 4, 1))
    assert columns.dtype == dtype
    assert columns.flatten().tolist() == list(range(8))
