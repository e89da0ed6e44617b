import torch

from swann import models
from swann.trace import trace


def test_alexnet_has_the_resolutions_and_groups_of_the_caffe_model():
    chain = trace(models.alexnet(), torch.zeros(1, 3, 224, 224))
    assert [layer.size[0] for layer in chain.layers[:5]] == [55, 27, 13, 13, 13]
    assert chain.layers[5].kernel == (6, 6)
    assert [layer.groups for layer in chain.layers[:5]] == [1, 2, 1, 2, 2]
    assert all(
        layer.groups == 1 for layer in trace(models.alexnet(groups=1, width=0.1), torch.zeros(1, 3, 224, 224)).layers
    )
