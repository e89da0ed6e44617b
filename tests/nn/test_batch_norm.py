import copy

import pytest
import torch
from torch import nn

from swann.nn._batch_norm import can_train, trained_norm
from swann.nn.kernels import from_blocks, to_blocks

MAPS = torch.randn(32, 4, 6, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "options",
    [{}, {"momentum": None}, {"momentum": 0.3, "affine": False}, {"track_running_stats": False}, {"eps": 0.1}],
    ids=str,
)
@pytest.mark.parametrize("batch", [9, 32])
def test_three_steps_leave_what_the_module_leaves(options, batch):
    norm = nn.BatchNorm2d(4, **options)
    other = copy.deepcopy(norm)
    for step in range(3):
        maps = MAPS[:batch] * (step + 1) + step
        blocks = to_blocks(maps)
        assert can_train(norm, blocks)
        torch.testing.assert_close(from_blocks(trained_norm(norm, blocks)), other(maps), rtol=1e-5, atol=1e-5)
    for name, value in other.state_dict().items():
        torch.testing.assert_close(norm.state_dict()[name], value, rtol=1e-5, atol=1e-6)


def test_a_norm_that_stopped_tracking_keeps_its_statistics():
    norm = nn.BatchNorm2d(4)
    norm.track_running_stats = False
    trained_norm(norm, to_blocks(MAPS))
    assert torch.equal(norm.running_mean, torch.zeros(4))
    assert torch.equal(norm.running_var, torch.ones(4))
    assert norm.num_batches_tracked == 0


class OtherNorm(nn.BatchNorm2d):
    pass


@pytest.mark.parametrize(
    ("norm", "blocks"),
    [
        (nn.BatchNorm2d(4).eval(), to_blocks(MAPS)),
        (OtherNorm(4), to_blocks(MAPS)),
        (nn.SyncBatchNorm(4), to_blocks(MAPS)),
        (nn.BatchNorm2d(4).double(), to_blocks(MAPS.double())),
        (nn.BatchNorm2d(4), to_blocks(MAPS.bfloat16())),
        (nn.BatchNorm2d(3), to_blocks(MAPS)),
        (nn.BatchNorm1d(4), torch.zeros(1, 4, 1)),
    ],
    ids=str,
)
def test_norms_that_are_left_to_their_modules(norm, blocks):
    assert not can_train(norm, blocks)


def test_norms_with_hooks_are_left_to_their_modules():
    norm = nn.BatchNorm2d(4)
    norm.register_forward_hook(lambda *_: None)
    assert not can_train(norm, to_blocks(MAPS))
