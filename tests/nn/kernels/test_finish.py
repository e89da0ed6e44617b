import pytest
import torch
import torch.nn.functional as F

from swann.nn.kernels import Finish, MaxPool
from swann.nn.kernels._finish import finish_, pool_gradient

POOLS = [MaxPool((3, 3), (2, 2), (1, 1)), MaxPool((2, 2), (2, 2), (0, 0)), MaxPool((3, 1), (1, 2), (1, 0))]
CASES = [(torch.float32, 16), (torch.float32, 21), (torch.float64, 9)]


def blocks_with_nan(dtype, block):
    """Return two blocks of five channels, of odd sizes, with a NaN and a window of infinities."""
    blocks = torch.randn(2, 5, 11, 9, block, generator=torch.Generator().manual_seed(0), dtype=dtype)
    blocks[0, 1, 3, 3, 2] = torch.nan
    blocks[0, 1, 4:9, 4:9, 1] = -torch.inf
    blocks[1, 2, :, :, 3] = -1.0
    return blocks


def max_pooled(blocks, pool):
    by_channel = blocks.movedim(-1, 2).flatten(0, 1)
    pooled = F.max_pool2d(by_channel, pool.kernel, pool.stride, pool.padding).movedim(1, -1)
    return pooled.reshape(*blocks.shape[:2], *pooled.shape[1:])


def scaled(blocks, scales):
    scale, shift = scales.view(1, -1, *(1,) * (blocks.ndim - 2), 2).unbind(-1)
    return blocks * scale + shift


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(("dtype", "block"), CASES)
def test_steps_around_a_pooling(pool, dtype, block):
    blocks = blocks_with_nan(dtype, block)
    scales = torch.randn(5, 2, 2, generator=torch.Generator().manual_seed(1), dtype=dtype)
    expected = scaled(max_pooled(scaled(blocks, scales[:, 0]), pool).relu(), scales[:, 1])
    found = torch.empty_like(expected)
    finish_(blocks, found, Finish(("affine",), pool, ("relu", "affine")), scales)
    torch.testing.assert_close(found, expected, equal_nan=True)


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize(("dtype", "block"), CASES)
@pytest.mark.parametrize("after", [(), ("relu",)])
def test_gradients_go_to_the_first_maximum(pool, dtype, block, after):
    blocks = blocks_with_nan(dtype, block).requires_grad_()
    expected = max_pooled(blocks.relu() if after else blocks, pool)
    gradient = torch.randn(expected.shape, generator=torch.Generator().manual_seed(2), dtype=dtype)
    (of_blocks,) = torch.autograd.grad(expected, blocks, gradient)
    found, taps = torch.empty_like(expected), torch.empty(expected.shape, dtype=torch.int8)
    finish_(blocks.detach(), found, Finish((), pool, after), None, taps)
    assert torch.allclose(found, expected, equal_nan=True)
    torch.testing.assert_close(pool_gradient(gradient, taps, pool, list(blocks.shape)), of_blocks)


@pytest.mark.parametrize(("dtype", "block"), CASES)
def test_steps_without_a_pooling_overwrite_the_map(dtype, block):
    blocks = blocks_with_nan(dtype, block)
    scales = torch.randn(5, 1, 2, generator=torch.Generator().manual_seed(1), dtype=dtype)
    expected = scaled(blocks.relu(), scales)
    finish_(blocks, blocks, Finish(("relu", "affine")), scales)
    torch.testing.assert_close(blocks, expected, equal_nan=True)


def test_one_axis_and_no_axis():
    blocks = torch.randn(1, 3, 7, 16, generator=torch.Generator().manual_seed(0))
    expected = F.max_pool1d(blocks[0].mT, 3, 2, 1).mT[None].contiguous()
    found = torch.empty_like(expected)
    finish_(blocks, found, Finish((), MaxPool((1, 3), (1, 2), (0, 1))), None)
    assert torch.equal(found, expected)
    neurons = blocks[:, :, 0].clone()
    finish_(neurons, neurons, Finish(("relu",)), None)
    assert torch.equal(neurons, blocks[:, :, 0].relu())
