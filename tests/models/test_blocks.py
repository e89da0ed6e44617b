import math

import pytest
import torch
from torch import nn

from swann import InvalidValueError
from swann.models._blocks import convolution, initialise_, scaled


def test_widths_never_vanish_and_keep_their_multiple():
    assert scaled(64, 1.0) == 64
    assert scaled(6, 0.01) == 1
    assert scaled(96, 0.26, multiple=2) == 24


@pytest.mark.parametrize("width", [0, -1, math.inf, math.nan])
def test_a_width_that_is_no_positive_number_is_refused(width):
    with pytest.raises(InvalidValueError, match="width must be a positive number, got"):
        scaled(64, width)


def test_a_convolution_keeps_the_size():
    block = nn.Sequential(*convolution(2, 4, 5, groups=2))
    assert block(torch.zeros(1, 2, 9, 9)).shape == (1, 4, 9, 9)
    assert [type(module) for module in block] == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU]


def test_weights_have_the_variance_of_the_twins():
    model = nn.Sequential(nn.Linear(400, 300), nn.ReLU(), nn.Linear(300, 200))
    initialise_(model, seed=0)
    assert model[0].weight.std().item() == pytest.approx(math.sqrt(2 / 400), rel=0.02)
    assert model[2].weight.std().item() == pytest.approx(math.sqrt(1 / 300), rel=0.02)
    assert not model[0].bias.any()
