import copy

import numpy as np
import pytest
import torch

from swann import InvalidValueError
from swann.data import batches
from swann.federated import ClientData, LocalTraining
from swann.federated._local_training import train_locally
from swann.federated._state import weights_of
from swann.train import OptimizerConfig


def own(data, count):
    return ClientData(data, torch.arange(count))


@pytest.mark.parametrize(("local", "sizes"), [({"epochs": 2}, [10, 7] * 2), ({"epochs": None, "steps": 3}, [10] * 3)])
def test_it_is_plain_sgd_over_the_clients_batches(twin, data, local, sizes):
    expected = copy.deepcopy(twin).train()
    optimizer, losses = torch.optim.SGD(expected.parameters(), lr=0.1), []
    images, labels = data.train_images[:17], data.train_labels[:17]
    for epoch in range(3):
        for some, classes in batches(images, labels, 10, seed=5, epoch=epoch, drop_last="steps" in local):
            if len(losses) < len(sizes):
                assert len(classes) == sizes[len(losses)]
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(expected(data.normalise(some)), classes)
                loss.backward()
                optimizer.step()
                losses.append(loss.item())
    found = train_locally(twin, own(data, 17), LocalTraining(**local, optimizer=OptimizerConfig("sgd", lr=0.1)), 5)
    assert (found.steps, found.loss) == (len(sizes), pytest.approx(np.mean(losses)))
    wanted = weights_of(expected)
    assert all(np.array_equal(array, wanted[name]) for name, array in weights_of(twin).items())


@pytest.mark.parametrize(("count", "steps"), [(11, 1), (21, 2), (20, 2), (22, 3), (10, 1)])
def test_a_single_image_left_over_joins_the_batch_before(twin, data, monkeypatch, count, steps):
    seen = []
    monkeypatch.setattr(type(data), "normalise", lambda _, images: seen.append(len(images)) or images / 255)
    found = train_locally(twin, own(data, count), LocalTraining(epochs=2), 0)
    assert found.steps == len(seen) == 2 * steps
    assert sum(seen) == 2 * count
    assert min(seen) > 1


def test_batches_of_one_image_stay_so(twin, data):
    twin.eval()
    assert train_locally(twin, own(data, 3), LocalTraining(epochs=1, batch_size=1), 0).steps == 3


def test_the_proximal_term_keeps_weights_near_those_received(twin, data):
    received, moved = weights_of(twin), []
    for mu in (0.0, 10.0):
        network = copy.deepcopy(twin)
        train_locally(network, own(data, 40), LocalTraining(epochs=3), 0, proximal_mu=mu)
        after = weights_of(network)
        moved.append(sum(np.square(after[name] - received[name]).sum() for name, _ in network.named_parameters()))
    assert moved[1] < 0.9 * moved[0]


def test_a_client_without_images_is_refused(twin, data):
    with pytest.raises(InvalidValueError, match="the client has no training image"):
        train_locally(twin, own(data, 0), LocalTraining(), 0)
