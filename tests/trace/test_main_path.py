import pytest
import torch
from torch import nn

from swann import TraceError, trace
from swann.trace._main_path import LeftOut, main_path
from swann.trace._record import record

IMAGE = torch.zeros(1, 1, 8, 8)


def test_the_deeper_branch_is_followed_and_the_other_one_named():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.a, self.b = nn.Conv2d(1, 2, 1), nn.Conv2d(2, 4, 3, 1, 1), nn.Conv2d(4, 4, 3, 1, 1)
            self.side = nn.Sequential(nn.Conv2d(2, 4, 1), nn.BatchNorm2d(4))

        def forward(self, x):
            x = self.stem(x)
            return self.side(x) + self.b(self.a(x))

    path, left_out = main_path(record(Block(), IMAGE))
    assert [node.target for node in path] == ["stem", "a", "b"]
    assert left_out == LeftOut(("add",), ("side.0", "side.1"), 8)


def test_calls_on_a_shortcut_are_named_with_the_module_that_makes_them():
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(2, 2, 3, 2, 1)

        def forward(self, x):
            return self.a(x) + nn.functional.avg_pool2d(x, 2)

    model = nn.Sequential(nn.Conv2d(1, 2, 1), Block(), Block())
    _, left_out = main_path(record(model, IMAGE))
    assert left_out == LeftOut(("1.add", "2.add_1"), ("1.avg_pool2d", "2.avg_pool2d_1"), 0)


def test_a_branch_that_is_more_than_a_shortcut_is_refused():
    class Wide(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.side = nn.Conv2d(1, 1, 3, 1, 1), nn.Conv2d(1, 1, 3, 1, 1), nn.Conv2d(1, 1, 3, 1, 1)

        def forward(self, x):
            return self.b(self.a(x)) + self.side(x)

    with pytest.raises(
        TraceError, match="module 'side' is on a branch beside the main one and is more than a shortcut"
    ):
        trace(Wide(), IMAGE)


def test_a_module_that_returns_no_tensor_is_named():
    model = nn.Sequential(nn.Conv2d(1, 1, 3), nn.Flatten(), nn.Linear(36, 4), nn.LSTM(4, 4))
    with pytest.raises(TraceError, match="module '3' returns no tensor"):
        trace(model, IMAGE)
