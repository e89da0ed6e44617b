"""The paper's networks together: mnist5, convnet_c, alexnet and resnet18 (Table I)."""

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


def test_mnist5_as_the_paper_describes_it():
    chain = trace(models.mnist5(), torch.zeros(1, 1, 28, 28))
    assert [layer.kernel for layer in chain.layers] == [(5, 5)] * 3 + [(3, 3), ()]
    assert [layer.map_shape[1:] for layer in chain.layers[:3]] == [(14, 14), (7, 7), (3, 3)]
    assert [stage.arguments["p"] for stage in chain.layers[4].dropouts] == [0.5]


def test_alexnet_has_the_resolutions_and_groups_of_the_caffe_model():
    chain = trace(models.alexnet(), torch.zeros(1, 3, 224, 224))
    assert [layer.size[0] for layer in chain.layers[:5]] == [55, 27, 13, 13, 13]
    assert chain.layers[5].kernel == (6, 6)
    assert [layer.groups for layer in chain.layers[:5]] == [1, 2, 1, 2, 2]
    assert all(
        layer.groups == 1 for layer in trace(models.alexnet(groups=1, width=0.1), torch.zeros(1, 3, 224, 224)).layers
    )


def test_convnet_c_drops_out_before_its_first_linear_layer():
    chain = trace(models.convnet_c(width=0.1), torch.zeros(1, 3, 32, 32))
    assert [len(layer.dropouts) for layer in chain.layers] == [0] * 13 + [1, 0]


def test_resnet18_with_and_without_shortcuts_has_the_same_chain():
    image = torch.zeros(1, 3, 64, 64)
    with_shortcuts, plain = (models.resnet18(width=0.1, shortcuts=shortcuts) for shortcuts in (True, False))
    assert trace(with_shortcuts, image).layers == trace(plain, image).layers
    assert sum(p.numel() for p in with_shortcuts.parameters()) > sum(p.numel() for p in plain.parameters())


@pytest.mark.parametrize("name", sorted(SIZES))
@pytest.mark.parametrize(("in_channels", "image_size"), [(1, 64), (3, 65)])
def test_width_channels_classes_and_sizes(name, in_channels, image_size):
    create = models.FACTORIES[name]
    network = create(width=0.125, in_channels=in_channels, n_classes=7, image_size=image_size)
    assert network(torch.randn(2, in_channels, image_size, image_size)).shape == (2, 7)


@pytest.mark.parametrize("name", sorted(SIZES))
def test_the_seed_decides_the_weights_and_nothing_else_moves(name):
    create = models.FACTORIES[name]
    one, same, other = (create(width=0.1, image_size=64, seed=seed) for seed in (1, 1, 2))
    assert all(map(torch.equal, one.parameters(), same.parameters()))
    weights = [module.weight for module in one.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    others = [module.weight for module in other.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    assert not any(map(torch.equal, weights, others))
