import numpy as np
import pytest
import torch
from networks import plan_of
from torch import nn

from swann import InvalidValueError
from swann.nn import build


@pytest.fixture(scope="module")
def network():
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3))
    return build(plan_of(model, torch.zeros(1, 2, 6, 6), 0.5))


@pytest.mark.parametrize("backend", ["masked", "sparse", "auto", "joined"])
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (None, r"reads a tensor of shape \[batch, 2, 6, 6\], got NoneType$"),
        (np.zeros((1, 2, 6, 6)), r"got ndarray; use torch.as_tensor\(inputs\)$"),
        (torch.zeros(2, 6, 6), r"\[batch, 2, 6, 6\], got \[2, 6, 6\]; add the batch: inputs\[None\]$"),
        (torch.zeros(1, 2, 6, 7), r"\[batch, 2, 6, 6\], got \[1, 2, 6, 7\]$"),
        (torch.zeros(1, 2, 6, 6, dtype=torch.int64), r"floating-point inputs, got torch.int64; convert them: inputs"),
        (torch.zeros(1, 2, 6, 6, dtype=torch.uint8), r"floating-point inputs, got torch.uint8"),
    ],
)
def test_what_a_network_cannot_read_is_refused(network, backend, inputs, message):
    with pytest.raises(InvalidValueError, match=message):
        network.use_backend(backend)(inputs)
