import pytest
import torch
from torch import nn

import swann
from swann import InvalidValueError
from swann.models import create, mlp


def test_layers_and_weights():
    model = mlp(width=0.5, image_size=6, n_hidden=3)
    linear = [module for module in model if isinstance(module, nn.Linear)]
    assert [(module.in_features, module.out_features) for module in linear] == [(36, 50), (50, 50), (50, 50), (50, 10)]
    assert model(torch.zeros(2, 1, 6, 6)).shape == (2, 10)


def test_it_can_be_named_and_converted():
    model = create("swann:mlp", in_channels=1, n_classes=10, image_size=8)
    twin = swann.convert(model, torch.zeros(1, 1, 8, 8), p=0.5)
    assert twin(torch.zeros(2, 1, 8, 8)).shape == (2, 10)
    assert sum(p.numel() for p in twin.parameters()) == sum(p.numel() for p in model.parameters())


def test_no_hidden_layer_is_an_error():
    with pytest.raises(InvalidValueError, match="mlp: n_hidden must be at least 1, got 0"):
        mlp(n_hidden=0)
