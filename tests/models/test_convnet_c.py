import torch

from swann import models
from swann.trace import trace


def test_convnet_c_drops_out_before_its_first_linear_layer():
    chain = trace(models.convnet_c(width=0.1), torch.zeros(1, 3, 32, 32))
    assert [len(layer.dropouts) for layer in chain.layers] == [0] * 13 + [1, 0]
