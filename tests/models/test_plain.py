import pytest
import torch
from torch import nn

from swann import InvalidValueError, convert
from swann.models import create, plain20, plain40
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


def test_shortcuts_add_the_inputs_of_two_convolutions_and_no_weight():
    model = plain20(width=0.25, shortcuts=True).eval()
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in plain20(width=0.25).parameters())
    images = torch.rand(2, 3, 16, 16)
    maps = model[:3](images)
    block = model[3]
    inner = nn.Sequential(*list(block)[:-1])
    torch.testing.assert_close(block(maps), torch.relu(inner(maps) + maps))
    narrow = next(each for each in model if isinstance(each, type(block)) and each[0].stride == (2, 2))
    maps = torch.rand(2, narrow[0].in_channels, 16, 16)
    expected = nn.Sequential(*list(narrow)[:-1])(maps)
    expected[:, : maps.shape[1]] += maps[:, :, ::2, ::2]
    torch.testing.assert_close(narrow(maps), torch.relu(expected))


def test_a_model_without_a_choice_of_shortcuts_is_named():
    with pytest.raises(InvalidValueError, match="model 'swann:mnist5' has no argument 'shortcuts'; leave it at False"):
        create("swann:mnist5", in_channels=1, n_classes=10, image_size=28, shortcuts=True)
