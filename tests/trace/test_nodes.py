import torch
from torch import nn

from swann.trace._nodes import describe, is_addition, is_map, weighted_module
from swann.trace._record import record


class Shortcut(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x):
        return (x + self.conv(x) + 1).flatten(x.dim() - 3)


def test_maps_layers_and_additions():
    recorded = record(Shortcut(), torch.zeros(1, 1, 4, 4))
    nodes = {node.name: node for node in recorded.graph.nodes}
    assert [name for name, node in nodes.items() if is_addition(node, recorded)] == ["add"]
    assert [name for name, node in nodes.items() if weighted_module(node, recorded) is not None] == ["conv"]
    assert not is_map(nodes["dim"], recorded)
    assert is_map(nodes["add_1"], recorded)
    assert [describe(nodes[name]) for name in ("conv", "add", "flatten")] == [
        "module 'conv'",
        "operation 'add' (add)",
        "operation 'flatten' (flatten)",
    ]
