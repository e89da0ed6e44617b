import pytest
import torch
import torch.nn.functional as F

from swann.nn.kernels import batch_norm


def operands(size, block, seed=0):
    generator = torch.Generator().manual_seed(seed)
    blocks = torch.randn(2, 4, *size, block, generator=generator) * 2 + 3
    return blocks, torch.rand(4, generator=generator) + 0.5, torch.randn(4, generator=generator)


def exact(blocks, weight, bias, eps):
    """Return the same from PyTorch in float64."""
    by_channel = blocks.movedim(1, 0).flatten(1).T.double()
    options = {"weight": None if weight is None else weight.double(), "bias": None if bias is None else bias.double()}
    found = F.batch_norm(by_channel, None, None, training=True, eps=eps, **options)
    return found.T.reshape(blocks.movedim(1, 0).shape).movedim(0, 1)


@pytest.mark.parametrize("size", [(), (7,), (5, 3)])
@pytest.mark.parametrize("block", [16, 21])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("rectifies", [False, True])
@pytest.mark.parametrize("overwrites", [False, True])
def test_results_and_gradients_are_those_of_float64(size, block, affine, rectifies, overwrites):
    blocks, weight, bias = operands(size, block)
    blocks[0, 0] = blocks[0, 0].abs().neg()  # nothing of it is left of a ReLU, all of the next one
    blocks[0, 1] = blocks[0, 1].abs()
    leaves = [blocks, weight, bias] if affine else [blocks]
    leaves = [leaf.requires_grad_() for leaf in leaves]
    numbers = leaves[1:] or (None, None)
    found, mean, variance = batch_norm(blocks, *numbers, 1e-3, rectifies=rectifies, overwrites=overwrites)
    normalised = blocks.relu() if rectifies else blocks
    expected = exact(normalised, *numbers, 1e-3)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
    of_channels = normalised.detach().double().movedim(1, 0).flatten(1)
    torch.testing.assert_close(mean, of_channels.mean(1))
    torch.testing.assert_close(variance, of_channels.var(1, correction=0))
    direction = torch.randn(found.shape, generator=torch.Generator().manual_seed(1))
    of_expected = torch.autograd.grad(expected, leaves, direction.double())
    given = direction.clone()
    of_found = torch.autograd.grad(found, leaves, given)
    for left, right in zip(of_found, of_expected, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)
    assert torch.equal(given, of_found[0] if overwrites else direction)


@pytest.mark.parametrize("rectifies", [False, True])
def test_nan_stays_in_its_channel(rectifies):
    blocks, weight, bias = operands((5, 3), 16)
    blocks[1, 2, 0, 0, 0] = torch.nan
    found, *_ = batch_norm(blocks, weight, bias, 1e-5, rectifies=rectifies)
    assert found.isnan().flatten(2).all(2).any(0).tolist() == [False, False, True, False]
    assert found.isnan().movedim(1, 0).flatten(1).any(1).tolist() == [False, False, True, False]


def test_a_constant_channel_has_no_variance():
    blocks = torch.full((1, 1, 3, 3, 16), 1.1)
    found, _, variance = batch_norm(blocks, None, None, 1e-5)
    assert variance.item() < 1e-12
    assert found.abs().max() < 1e-2
