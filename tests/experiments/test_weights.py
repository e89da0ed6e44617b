import numpy as np
import pytest
import torch
from torch import nn

import swann
from swann.experiments import mean_weights


def test_each_pair_of_layers_has_the_mean_of_its_edges():
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    twin = swann.convert(model, torch.zeros(1, 4), p=0.5)
    found = mean_weights(twin)
    assert found.shape == (4, 4)
    for number, layer in enumerate(twin.layers, start=1):
        for source in range(number):
            if source not in layer.sources:
                assert np.isnan(found[source, number])
                continue
            link = layer.links[layer.sources.index(source)]
            dense = link.dense_weight().abs()
            assert found[source, number] == pytest.approx((dense.sum() / (dense > 0).sum()).item(), rel=1e-5)
    assert np.isnan(found[np.tril_indices(4)]).all()
