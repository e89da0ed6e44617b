import pytest
import torch
from torch import nn

from swann import TraceError
from swann.trace._record import BATCH, record


def test_shapes_are_those_of_each_operation():
    recorded = record(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten()), torch.zeros(5, 1, 8, 8))
    assert list(recorded.shapes.values()) == [(BATCH, 1, 8, 8), (BATCH, 4, 6, 6), (BATCH, 144), (BATCH, 144)]


def test_the_modules_are_copies():
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    assert record(model, torch.zeros(1, 3)).modules["0"] is not model[0]


def test_a_model_that_cannot_be_copied_is_refused():
    model = nn.Sequential(nn.Linear(3, 2))
    model.handle = (number for number in range(3))
    with pytest.raises(TraceError, match="Sequential cannot be copied, which tracing needs to leave it untouched"):
        record(model, torch.zeros(1, 3))
