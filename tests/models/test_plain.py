import pytest
import torch
from torch import nn

from swann import InvalidValueError, convert
from swann.models import plain20, plain40
from swann.trace import trace


@pytest.mark.parametrize(("make", "depth", "n_weights"), [(plain20, 20, 268_336), (plain40, 40, 604_720)])
def test_layers_and_weights(make, depth, n_weights):
    model = make()
    weighted = [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    assert len(weighted) == depth
    assert [module.out_channels for module in weighted[:-1] if module.stride == (2, 2)] == [32, 64]
    assert sum(module.weight.numel() for module in weighted) == n_weights
    assert model.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_they_have_twins():
    model = plain20(width=0.25)
    chain = trace(model, torch.zeros(1, 3, 32, 32))
    assert len(chain.layers) == 20
    twin = convert(model, torch.zeros(1, 3, 32, 32), 0.5)
    assert sum(p.numel() for p in twin.parameters()) == sum(p.numel() for p in model.parameters())


def test_images_too_small_are_named():
    with pytest.raises(InvalidValueError, match="plain40: image_size must be at least 4, got 3"):
        plain40(image_size=3)
