import itertools

import torch
from torch import nn

from swann.models import densenet40
from swann.trace import trace_parts


def kernels(model, size):
    return [
        module for module in model.modules() if isinstance(module, nn.Conv2d) and module.kernel_size == (size, size)
    ]


def test_layers_are_those_of_table_1():
    model = densenet40()
    assert len(kernels(model, 3)) + len(kernels(model, 1)) + 1 == 40  # with the classifier
    assert sum(module.weight.numel() for module in kernels(model, 3)) == 910_440
    assert [tuple(module.weight.shape[:2]) for module in kernels(model, 1)] == [(168, 168), (312, 312)]
    blocks = [part for part in trace_parts(model, torch.zeros(1, 3, 32, 32)) if part.dense]
    assert [block.sizes for block in blocks] == [(channels, *[12] * 12) for channels in (24, 168, 312)]
    assert [block.input_shape[1:] for block in blocks] == [(32, 32), (16, 16), (8, 8)]


def test_each_layer_reads_all_maps_of_its_block():
    """The gradient of a block's last layer reaches each map before it without the layers between."""
    model = densenet40(width=0.25, in_channels=1).eval()
    seen = []
    for layer in model[1:13]:
        layer.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    model(torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert [maps.shape[1] for maps in seen] == list(range(6, 42, 3))
    for before, after in itertools.pairwise(seen):
        assert torch.equal(after[:, : before.shape[1]], before)
