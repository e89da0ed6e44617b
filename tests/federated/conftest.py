import pytest
import torch
from torch import nn

import swann
from swann.federated import Architecture, FederatedConfig, LocalTraining, split


def _model():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 12),
        nn.ReLU(),
        nn.Linear(12, 10),
    )


@pytest.fixture(scope="session")
def data():
    return swann.data.load("digits").subset(200, 60)


@pytest.fixture
def twin():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return swann.convert(_model(), torch.zeros(1, 1, 8, 8), 0.5, seed=0)


@pytest.fixture
def architecture(twin):
    return Architecture.of(twin)


@pytest.fixture(scope="session")
def clients(data):
    return split("iid", data.train_labels.numpy(), 8, seed=0)


@pytest.fixture
def make_config():
    def make(**changes):
        local = changes.pop("local", LocalTraining(epochs=None, steps=3))
        return FederatedConfig(**{"rounds": 2, "per_round": 4, "local": local, **changes})

    return make
