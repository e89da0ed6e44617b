import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from swann.nn.kernels import apply_to_blocks, from_blocks, to_blocks
from swann.trace import KINDS

GENERATOR = torch.Generator().manual_seed(0)
MAPS = torch.randn(32, 4, 6, 5, generator=GENERATOR)


@given(st.integers(0, 50), st.lists(st.integers(1, 4), max_size=3))
def test_blocks_give_the_maps_back(batch, size):
    maps = torch.arange(batch * 3 * torch.Size(size).numel()).view(batch, 3, *size)
    blocks = to_blocks(maps)
    assert blocks.is_contiguous()
    assert torch.equal(from_blocks(blocks), maps)
    expected = (batch // 16, 3, *size, 16) if batch and batch % 16 == 0 else (1, 3, *size, batch)
    assert blocks.shape == expected


def test_by_hand():
    maps = torch.arange(6).view(3, 2)
    assert to_blocks(maps).tolist() == [[[0, 2, 4], [1, 3, 5]]]
    assert to_blocks(torch.arange(32).view(32, 1))[1].tolist() == [list(range(16, 32))]


STAGES = [
    nn.ReLU(), nn.PReLU(4), nn.Softplus(), nn.Hardswish(), nn.Identity(), nn.BatchNorm2d(4), nn.BatchNorm2d(4).eval(),
    nn.BatchNorm2d(4, momentum=None), nn.BatchNorm2d(4, affine=False, track_running_stats=False),
    nn.SyncBatchNorm(4).eval(), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4), nn.LayerNorm((4, 6, 5)),
    nn.LocalResponseNorm(3), nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2, ceil_mode=True),
    nn.AvgPool2d(3, 2, 1, count_include_pad=False), nn.AdaptiveAvgPool2d(1), nn.AdaptiveAvgPool2d((3, 2)),
    nn.AdaptiveMaxPool2d(2), nn.LPPool2d(2, 2), nn.ZeroPad2d(1), nn.ReflectionPad2d((1, 0, 2, 1)),
    nn.ConstantPad2d(1, 3.0), nn.Dropout2d(0.5).eval(), nn.Dropout(0.5).eval(), nn.Flatten(), nn.Softmax(1),
    nn.LogSoftmax(-1),
]  # fmt: skip


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: type(stage).__name__)
@pytest.mark.parametrize("batch", [1, 3, 16, 32])
def test_a_stage_does_the_same_to_blocks(stage, batch):
    maps = MAPS[:batch].clone().requires_grad_()
    other = copy.deepcopy(stage)
    expected = other(maps)
    blocks = to_blocks(maps)
    found = apply_to_blocks(stage, blocks)
    assert found.shape[0] == blocks.shape[0]
    torch.testing.assert_close(from_blocks(found), expected)
    for name, value in stage.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name])
    direction = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    of_found = torch.autograd.grad(from_blocks(found), [maps, *stage.parameters()], direction)
    of_expected = torch.autograd.grad(expected, [maps, *other.parameters()], direction)
    for left, right in zip(of_found, of_expected, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_dims", [1, 3])
def test_stages_of_other_dimensions(n_dims):
    maps = torch.randn(16, 3, *(5,) * n_dims, generator=torch.Generator().manual_seed(0))
    for name in ("MaxPool", "AvgPool", "BatchNorm", "ConstantPad", "InstanceNorm"):
        arguments = {"ConstantPad": (1, 2.0), "BatchNorm": (3,), "InstanceNorm": (3,)}.get(name, (2,))
        assert f"{name}{n_dims}d" in KINDS
        stage = getattr(nn, f"{name}{n_dims}d")(*arguments)
        torch.testing.assert_close(from_blocks(apply_to_blocks(stage, to_blocks(maps))), stage(maps))


@pytest.mark.parametrize(
    "stage", [nn.BatchNorm1d(7), nn.Dropout(0.5).eval(), nn.PReLU(7), nn.LayerNorm(7), nn.Flatten()]
)
def test_stages_of_neurons(stage):
    neurons = torch.randn(32, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(from_blocks(apply_to_blocks(stage, to_blocks(neurons))), stage(neurons))


@pytest.mark.parametrize("dropout", [nn.Dropout2d(0.5), nn.FeatureAlphaDropout(0.5)], ids=["zero", "alpha"])
def test_a_dropout_of_channels_draws_for_each_sample(dropout):
    kept = from_blocks(apply_to_blocks(dropout, to_blocks(torch.ones(32, 8, 3, 3)))).flatten(2)
    assert torch.equal(kept, kept[..., :1].expand_as(kept))  # a channel as a whole
    kept = kept[..., 0]
    assert len(torch.unique(kept, dim=0)) > 16  # another draw for each sample
    assert len(kept.unique()) == 2
