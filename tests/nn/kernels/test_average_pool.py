import pytest
import torch
import torch.nn.functional as F

from swann.nn.kernels._average_pool import add_average_gradient_, average_pool

POOLS = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
SIZES = [((7,), (3,)), ((7, 5), (3, 2)), ((9, 6), (1, 1)), ((8, 8), (4, 4)), ((2, 3), (5, 3)), ((4, 5, 3), (2, 3, 1))]


def by_torch(blocks, size):
    by_channel = blocks.movedim(-1, 2).flatten(0, 1)
    return POOLS[len(size)](by_channel, size).movedim(1, -1).unflatten(0, blocks.shape[:2])


@pytest.mark.parametrize(("size", "pooled"), SIZES, ids=str)
@pytest.mark.parametrize(("dtype", "block"), [(torch.float32, 16), (torch.float32, 21), (torch.float64, 3)])
def test_means_and_gradients(size, pooled, dtype, block):
    generator = torch.Generator().manual_seed(0)
    blocks = torch.randn(2, 3, *size, block, generator=generator, dtype=dtype).requires_grad_()
    expected = by_torch(blocks, pooled)
    torch.testing.assert_close(average_pool(blocks.detach(), pooled), expected)
    direction = torch.randn(expected.shape, generator=generator, dtype=dtype)
    before = torch.randn(blocks.shape, generator=generator, dtype=dtype)
    found = before.clone()
    add_average_gradient_(found, direction)
    (gradient,) = torch.autograd.grad(expected, blocks, direction)
    torch.testing.assert_close(found, before + gradient)


def test_half_precision_is_summed_in_single_precision():
    blocks = torch.full((1, 1, 40, 40, 8), 0.1, dtype=torch.bfloat16)
    found = average_pool(blocks, (1, 1))
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, blocks[:, :, :1, :1])


def test_blocks_that_do_not_follow_each_other_and_nan():
    blocks = torch.randn(1, 2, 16, 6, 4, generator=torch.Generator().manual_seed(0)).movedim(2, -1)
    blocks[0, 0, 5, 3, 0] = torch.nan
    torch.testing.assert_close(average_pool(blocks, (2, 2)), by_torch(blocks, (2, 2)), equal_nan=True)
