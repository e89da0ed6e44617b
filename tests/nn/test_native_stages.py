import copy

import pytest
import torch
from networks import plan_of
from test_sparse import normal
from torch import nn

from swann.nn import build
from swann.nn._native_stages import stage_form

NATIVE = {
    "relu": [nn.ReLU()],
    "norm": [nn.BatchNorm2d(5)],
    "norm without weights": [nn.BatchNorm2d(5, eps=1e-3, affine=False)],
    "norm, then relu": [nn.BatchNorm2d(5), nn.ReLU()],
    "halving": [nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(5)],
    "max pooling": [nn.MaxPool2d((3, 2), (2, 1), (1, 0), (1, 2))],
    "means": [nn.AdaptiveAvgPool2d((3, None))],
    "dropout": [nn.Dropout(0.5), nn.Identity()],
}


@torch.no_grad()
@pytest.mark.parametrize("name", NATIVE)
@pytest.mark.parametrize("batch", [1, 3])
def test_operations_in_compiled_code_equal_those_of_torch(name, batch):
    model = nn.Sequential(nn.Conv2d(2, 5, 3, padding=1), *copy.deepcopy(NATIVE[name]), nn.Conv2d(5, 3, 1))
    network = build(plan_of(model, torch.zeros(1, 2, 9, 7), 0.3, order="keep")).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(normal(5))
            module.running_var.copy_(normal(5, seed=1).square())
    images = normal(batch, 2, 9, 7).float()
    expected = network.use_backend("masked")(images)
    torch.testing.assert_close(network.use_backend("sparse")(images), expected, rtol=1e-4, atol=1e-5)
    (found,) = network.native_passes.values()
    assert len(found.parts) == 2  # all tables, and the output


@pytest.mark.parametrize(
    "stage",
    [
        nn.Tanh(),
        nn.BatchNorm2d(3),
        nn.BatchNorm2d(3, track_running_stats=False).eval(),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(2, return_indices=True),
        nn.Dropout(0.5),
        nn.Flatten(0),
    ],
    ids=lambda stage: f"{stage}",
)
def test_what_compiled_code_cannot_do(stage):
    assert stage_form(stage) is None


def test_a_stage_that_somebody_listens_to_or_has_replaced_is_called():
    for change in (
        lambda stage: stage.register_forward_hook(lambda *_: None),
        lambda stage: stage.register_forward_pre_hook(lambda *_: None),
        lambda stage: setattr(stage, "forward", lambda source: source),
    ):
        stage = nn.ReLU()
        assert stage_form(stage) == stage_form(nn.ReLU())
        change(stage)
        assert stage_form(stage) is None


def test_a_subclass_may_do_something_else():
    class Leaky(nn.ReLU):
        pass

    assert stage_form(Leaky()) is None
