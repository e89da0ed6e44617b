"""The paper's networks together: mnist5, convnet_c, alexnet, resnet18 and densenet40 (Table I)."""

import pytest
import torch
from torch import nn

from swann import models
from swann.trace import trace

SIZES = {
    "mnist5": (1, 6, 16, 120, 84, 10),
    "convnet_c": (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512, 512, 10),
    "alexnet": (3, 96, 256, 384, 384, 256, 4096, 4096, 1000),
    "resnet18": (3, *[64] * 5, *[128] * 4, *[256] * 4, *[512] * 4, 1000),
}
INPUTS = {"mnist5": (1, 28), "convnet_c": (3, 32), "alexnet": (3, 224), "resnet18": (3, 224)}


@pytest.mark.parametrize("name", sorted(SIZES))
def test_layers_are_those_of_table_1(name):
    channels, side = INPUTS[name]
    chain = trace(models.FACTORIES[name](), torch.zeros(1, channels, side, side))
    assert chain.sizes == SIZES[name]


@pytest.mark.parametrize("name", sorted(models.FACTORIES))
@pytest.mark.parametrize(("in_channels", "image_size"), [(1, 64), (3, 65)])
def test_width_channels_classes_and_sizes(name, in_channels, image_size):
    create = models.FACTORIES[name]
    network = create(width=0.125, in_channels=in_channels, n_classes=7, image_size=image_size)
    assert network(torch.randn(2, in_channels, image_size, image_size)).shape == (2, 7)


@pytest.mark.parametrize("name", sorted(models.FACTORIES))
def test_the_seed_decides_the_weights_and_nothing_else_moves(name):
    create = models.FACTORIES[name]
    one, same, other = (create(width=0.1, image_size=64, seed=seed) for seed in (1, 1, 2))
    assert all(map(torch.equal, one.parameters(), same.parameters()))
    weights = [module.weight for module in one.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    others = [module.weight for module in other.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    assert not any(map(torch.equal, weights, others))
