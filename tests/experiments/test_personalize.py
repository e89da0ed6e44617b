import copy
import re

import pytest
import torch

import swann
from swann import InvalidValueError
from swann.experiments import personalize
from swann.experiments._personalize import peak_resident_bytes
from swann.train import OptimizerConfig, TrainingConfig


@pytest.fixture(scope="module")
def digits():
    return swann.data.load("digits").subset(300, 100)


@pytest.fixture
def network():
    model = swann.models.mnist5(image_size=8, width=0.5)
    return swann.convert(model, torch.zeros(1, 1, 8, 8), 0.5, seed=0)


@pytest.fixture
def config():
    return TrainingConfig(epochs=3, batch_size=32, optimizer=OptimizerConfig("sgd", lr=0.05), accelerator="cpu")


def test_it_is_measured_before_and_after(network, digits, config):
    found = personalize(network, digits, config)
    assert found.before > 0.7 > 0.4 > found.after
    assert (found.train_images, found.test_images, found.part) == (300, 100, 32)
    assert found.is_within
    assert found.after == found.history.evaluations[-1].test_error
    assert str(found).startswith(f"accuracy {1 - found.before:.2%} before, {1 - found.after:.2%} after, on 100 images")
    assert found.to_dict()["peak_bytes"] == found.peak_bytes


def test_the_last_layer_alone(network, digits, config):
    before = copy.deepcopy(network.state_dict())
    personalize(network, digits, config, layers="last")
    last = f"layers.{len(network.layers) - 1}."
    for name, parameter in network.named_parameters():
        assert torch.equal(parameter, before[name]) == (not name.startswith(last))
        assert parameter.requires_grad


def test_a_ceiling_is_kept_by_smaller_parts(network, digits, config):
    limit = peak_resident_bytes() + 300_000_000
    notes = []
    found = personalize(network, digits, config, memory_limit=limit, on_note=notes.append)
    assert found.is_within
    assert found.peak_bytes <= limit
    assert re.fullmatch(r"(\d+) of 32 images at a time: about [\d,]+ MB", notes[0])
    assert found.part == int(notes[0].split()[0])


def test_part_by_memory(network, digits, config, monkeypatch):
    """A step that needs 10 MB and 1 MB an image, in a process that holds 100 MB."""
    module = "swann.experiments._personalize"
    monkeypatch.setattr(f"{module}.peak_memory", lambda *of: (10 + of[3]) * 10**6)
    monkeypatch.setattr(f"{module}.resident_bytes", lambda: 10**8)
    monkeypatch.setattr(f"{module}.peak_resident_bytes", lambda: 10**8)
    parts = []
    for limit in (200, 140, 130, 120):
        found = personalize(copy.deepcopy(network), digits, config, memory_limit=limit * 10**6)
        parts.append(found.part)
    assert parts == [32, 16, 8, 4]  # 0.95 of the limit, less 110 MB, bounds the part
    with pytest.raises(InvalidValueError, match="memory_limit: training 2 images at a time needs about 118 MB "):
        personalize(network, digits, config, memory_limit=110 * 10**6)
    with pytest.raises(InvalidValueError, match="memory_limit: the program, the network and the images take 100 MB"):
        personalize(network, digits, config, memory_limit=90 * 10**6)


def test_images_that_do_not_fit_are_refused(network, digits, config):
    wide = swann.data.load("digits", image_size=12)
    with pytest.raises(InvalidValueError, match="the network reads images of 1×8×8, digits has 1×12×12; give another"):
        personalize(network, wide, config)
    few = swann.convert(swann.models.mnist5(image_size=8, n_classes=4), torch.zeros(1, 1, 8, 8), 0.5)
    with pytest.raises(InvalidValueError, match="has 10 classes, the network tells 4 apart; leave classes out"):
        personalize(few, digits, config)
