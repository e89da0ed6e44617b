import torch

from swann import models
from swann.trace import trace


def test_mnist5_as_the_paper_describes_it():
    chain = trace(models.mnist5(), torch.zeros(1, 1, 28, 28))
    assert [layer.kernel for layer in chain.layers] == [(5, 5)] * 3 + [(3, 3), ()]
    assert [layer.map_shape[1:] for layer in chain.layers[:3]] == [(14, 14), (7, 7), (3, 3)]
    assert [stage.arguments["p"] for stage in chain.layers[4].dropouts] == [0.5]
