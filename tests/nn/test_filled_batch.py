import copy

import pytest
import torch
from networks import plan_of
from test_sparse import assert_near, normal
from torch import nn

from swann.nn import _filled_batch, build


def network_of(activation=nn.ReLU):
    model = nn.Sequential(
        *(nn.Conv2d(2, 6, 3, padding=1), activation(), nn.BatchNorm2d(6), nn.Conv2d(6, 4, 3), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(0.5), nn.Linear(4 * 36, 5)),
    )
    return build(plan_of(model, torch.zeros(1, 2, 8, 8), 0.5)).double().use_backend("sparse").eval()


@pytest.fixture
def batches(monkeypatch):
    """Return the numbers of samples that were computed at once."""
    found, forward = [], _filled_batch.forward_sparse
    monkeypatch.setattr(
        _filled_batch, "forward_sparse", lambda *given: (found.append(len(given[1])), forward(*given))[1]
    )
    return found


@torch.no_grad()
@pytest.mark.parametrize(("n_samples", "filled"), [(1, 1), (4, 4), (5, 8), (7, 8), (8, 8), (9, 9)])
def test_a_batch_that_fills_vectors_badly_is_filled_up(batches, n_samples, filled):
    network, images = network_of(), normal(n_samples, 2, 8, 8)
    expected = copy.deepcopy(network).use_backend("masked")(images)
    found = network(images)
    assert batches == [filled]
    assert found.shape == expected.shape
    assert_near(found, expected, 1e-12)


@torch.no_grad()
@pytest.mark.parametrize(
    "change",
    [
        lambda network: network.layers[0].stages.train(),
        lambda network: network.layers[-1].dropout.dropouts.train(),
        lambda network: network.layers[0].stages[0].register_forward_hook(lambda *_: None),
        lambda network: network.layers[0].stages.__setitem__(0, nn.Tanh()),
    ],
    ids=["a norm over the batch", "a dropout", "a hook", "an operation of PyTorch"],
)
def test_nobody_sees_samples_that_were_added(batches, change):
    network = network_of()
    change(network)
    network(normal(5, 2, 8, 8))
    assert batches == [5]


def test_batches_with_gradients_are_as_they_are(batches):
    network_of()(normal(5, 2, 8, 8))
    assert batches == [5]
