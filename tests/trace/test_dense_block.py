import pytest
import torch
from torch import nn

from swann import TraceError
from swann.trace._dense_block import dense_block, is_concatenation
from swann.trace._record import record

IMAGE = torch.zeros(1, 2, 4, 4)


class Block(nn.Module):
    """Three layers of 3 channels that a function joins."""

    def __init__(self, function):
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(2 + 3 * layer, 3, 3, padding=1) for layer in range(3))
        self.narrow = nn.Conv2d(3, 3, 1)
        self.register_buffer("constant", torch.zeros(2, 1, 4, 4))
        self.function = function

    def forward(self, x):
        return self.function(self, x)


def at_once(net, x, dim=1):
    maps = [x]
    for conv in net.convs:
        maps.append(conv(torch.relu(torch.cat(maps, dim))))
    return torch.cat(maps, dim=dim)


def one_after_another(net, x):
    for conv in net.convs:
        x = torch.concat((x, conv(x.relu())), -3)
    return x


def found(function):
    recorded = record(Block(function), IMAGE)
    joined = [node for node in recorded.graph.nodes if is_concatenation(node)]
    return dense_block(joined[-1], recorded)


@pytest.mark.parametrize("function", [at_once, one_after_another])
def test_a_block_is_known_however_its_maps_are_joined(function):
    block = found(function)
    assert block.source.op == "placeholder"
    assert [[str(node.target).split(" ")[-1] for node in layer][-1] for layer in block.layers] == [
        "convs.0",
        "convs.1",
        "convs.2",
    ]
    assert [len(layer) for layer in block.layers] == [2, 2, 2]


def bottleneck(net, x):
    first = net.convs[0](x)
    return torch.cat([x, first, net.narrow(net.convs[1](torch.cat([x, first], 1)))], 1)


def without_convolution(net, x):
    first = net.convs[0](x)
    return torch.cat([x, first, torch.relu(torch.cat([x, first], 1))], 1)


def of_its_neighbour(net, x):
    first = net.convs[0](x)
    return torch.cat([x, first, net.narrow(first)], 1)


REFUSED = [
    (bottleneck, r"layer 2 has 2 convolutions \(module 'convs.1', module 'narrow'\); only dense blocks with one"),
    (without_convolution, r"layer 2 has 0 convolutions \(none\)"),
    (of_its_neighbour, "joins 3 maps, but number 3 of them, module 'narrow', does not read the 2 before it"),
    (lambda net, x: torch.cat([net.convs[0](x), x, x], 1), "joins 3 maps, but number 2 of them, operation 'x' .x., "),
    (lambda net, x: torch.cat([x, net.convs[0](x)], 1), "joins the maps of fewer than two layers; only dense blocks"),
    (lambda _, x: torch.cat([x, x], 2), "joins maps along dimension 2; expected 1, the channels"),
    (lambda net, x: torch.cat([x, net.constant, net.convs[0](x)], 1), "joins other things than maps of the network"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_what_is_no_dense_block_is_refused(function, message):
    with pytest.raises(TraceError, match=message):
        found(function)
