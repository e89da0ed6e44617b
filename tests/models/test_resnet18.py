import torch

from swann import models
from swann.trace import trace


def test_resnet18_with_and_without_shortcuts_has_the_same_chain():
    image = torch.zeros(1, 3, 64, 64)
    with_shortcuts, plain = (models.resnet18(width=0.1, shortcuts=shortcuts) for shortcuts in (True, False))
    assert trace(with_shortcuts, image).layers == trace(plain, image).layers
    assert sum(p.numel() for p in with_shortcuts.parameters()) > sum(p.numel() for p in plain.parameters())
