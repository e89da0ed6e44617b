import warnings

import pytest
import torch
from torch import nn

import swann
from swann import LeftOutWarning
from swann.models import resnet18

IMAGE = torch.zeros(1, 2, 6, 6)


class Residual(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Conv2d(2, 2, 3, padding=1) for _ in range(blocks))
        self.down = nn.Conv2d(2, 3, 1)
        self.last = nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(3, 3, 1))
        self.head = nn.Linear(108, 2)

    def forward(self, x):
        x = self.blocks[0](x)
        for block in self.blocks[1:]:
            x = block(x) + x
        return self.head(torch.flatten(self.last(x) + self.down(x), 1))


def test_one_warning_names_the_shortcuts_and_the_weights_on_them():
    with pytest.warns(LeftOutWarning) as caught:
        twin = swann.convert(Residual(5), IMAGE, 0.5)
    assert [str(each.message) for each in caught] == [
        "Residual: its 5 shortcuts are left out, as in the paper (add, add_1, add_2, …), and with them down of 6 "
        "weights in all; the twin is that of the chain that remains"
    ]
    assert caught[0].filename == __file__
    text = str(swann.summary(twin))
    assert "left out, as in the paper: 5 shortcuts, added in add, add_1, add_2, add_3, add_4" in text
    assert "removed with the shortcuts: down (6 weights, which no twin has)" in text


def test_what_was_left_out_is_in_the_file(tmp_path):
    with pytest.warns(LeftOutWarning, match="Residual: its 2 shortcuts are"):
        twin = swann.convert(Residual(2), IMAGE, 0.5)
    swann.save(twin, tmp_path / "twin.safetensors")
    assert swann.load(tmp_path / "twin.safetensors").plan.chain.shortcuts == ("add", "add_1")


def test_a_network_built_without_shortcuts_is_not_warned_of():
    image = torch.zeros(1, 3, 32, 32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        swann.convert(resnet18(width=0.1, image_size=32, shortcuts=False), image, 0.5)
    with pytest.warns(LeftOutWarning, match=r"8 shortcuts are left out, as in the paper \(4.add, 5.add_1, "):
        swann.convert(resnet18(width=0.1, image_size=32), image, 0.5)
