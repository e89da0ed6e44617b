import pytest
import torch
import torch.nn.functional as F
from links import random_mask, shape_of

from swann.nn.kernels import (
    Finish,
    Finishing,
    MaxPool,
    SharedGradients,
    _finished_layer,
    shared_layer,
    sparse_layer,
    wiring,
)
from swann.nn.kernels._finished_layer import _parts, finished

SHAPE = shape_of(12, 12, 3, before=1)
POOL = MaxPool((1, 3), (1, 2), (0, 1))
MASK = random_mask(5, 3, 0.6, seed=0)
GENERATOR = torch.Generator().manual_seed(0)
SOURCE = torch.randn(2, 3, 12, 16, generator=GENERATOR, dtype=torch.float64)
WEIGHT = torch.randn(int(MASK.sum()), 3, generator=GENERATOR, dtype=torch.float64)
BIAS = torch.randn(5, generator=GENERATOR, dtype=torch.float64)
SCALES = torch.randn(5, 1, 2, generator=GENERATOR, dtype=torch.float64)
SIZE = [2, 5, 12, 16]


def pooled(blocks):
    return F.max_pool1d(blocks.flatten(0, 1).mT, 3, 2, 1).mT.unflatten(0, blocks.shape[:2])


def layer(source, weight, bias, finishing=None):
    operands = [source], [weight], [wiring(MASK)], bias, SHAPE.flat(), SIZE
    if finishing is None:
        return sparse_layer(*operands)
    return shared_layer(SharedGradients(), [0], [True], *operands, finishing)


@pytest.mark.parametrize("n_bytes", [1, 12 * 16 * 8, 2 * 12 * 16 * 8, 2**23])
@pytest.mark.parametrize("bias", [None, BIAS])
def test_parts_of_any_size_give_the_same(monkeypatch, n_bytes, bias):
    monkeypatch.setattr(_finished_layer, "_PART_BYTES", n_bytes)
    expected = layer(SOURCE, WEIGHT, bias)
    scale, shift = SCALES[:, 0].view(1, 5, 1, 1, 2).unbind(-1)
    for finishing, wanted in (
        (Finishing(Finish((), POOL, ("relu", "affine")), SCALES, (6,)), pooled(expected.relu()) * scale + shift),
        (Finishing(Finish(("relu", "affine")), SCALES, (12,)), expected.relu() * scale + shift),
    ):
        torch.testing.assert_close(layer(SOURCE, WEIGHT, bias, finishing), wanted)
        torch.testing.assert_close(finished(expected.clone(), finishing), wanted)


@pytest.mark.parametrize("n_bytes", [1, 2**23])
@pytest.mark.parametrize("after", [(), ("relu",)])
def test_gradients_through_a_pooling(monkeypatch, n_bytes, after):
    monkeypatch.setattr(_finished_layer, "_PART_BYTES", n_bytes)
    leaves = [tensor.clone().requires_grad_() for tensor in (SOURCE, WEIGHT, BIAS)]
    finishing = Finishing(Finish((), POOL, after), None, (6,))
    assert torch.autograd.gradcheck(lambda *operands: layer(*operands, finishing), leaves, fast_mode=True)
    sums = layer(*leaves)
    expected = torch.autograd.grad(pooled(sums.relu() if after else sums).square().sum(), leaves)
    found = torch.autograd.grad(layer(*leaves, finishing).square().sum(), leaves)
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right)


def test_a_gradient_of_the_bias_alone():
    bias = BIAS.clone().requires_grad_()
    finishing = Finishing(Finish((), POOL, ("relu",)), None, (6,))
    (found,) = torch.autograd.grad(layer(SOURCE, WEIGHT, bias, finishing).sum(), bias)
    (expected,) = torch.autograd.grad(pooled(layer(SOURCE, WEIGHT, bias).relu()).sum(), bias)
    torch.testing.assert_close(found, expected)


def test_parts_by_hand(monkeypatch):
    """Of 100 bytes, where a channel takes 20: whole blocks while they fit, then channels of single blocks."""
    monkeypatch.setattr(_finished_layer, "_PART_BYTES", 100)

    def parts(n_blocks, n_channels, *, whole, at_once=1):
        found = _parts([n_blocks, n_channels, 5, 1], 4, whole_channels=whole, at_once=at_once)
        return [(blocks.start, blocks.stop, channels.start, channels.stop) for blocks, channels in found]

    assert parts(3, 2, whole=False) == [(0, 2, 0, 2), (2, 3, 0, 2)]
    assert parts(2, 8, whole=False) == [(0, 1, 0, 5), (0, 1, 5, 8), (1, 2, 0, 5), (1, 2, 5, 8)]
    assert parts(2, 8, whole=True) == [(0, 1, 0, 8), (1, 2, 0, 8)]
    assert parts(6, 1, whole=False, at_once=2) == [(0, 4, 0, 1), (4, 6, 0, 1)]
    assert parts(4, 3, whole=False, at_once=2) == [(0, 2, 0, 2), (0, 2, 2, 3), (2, 4, 0, 2), (2, 4, 2, 3)]
