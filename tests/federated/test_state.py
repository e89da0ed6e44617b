import numpy as np
import pytest
import torch

from swann import InvalidValueError
from swann.federated._state import counters_of, difference, set_state_, weights_of


def test_state_is_what_exists_and_no_masks(twin):
    weights = weights_of(twin)
    parameters = dict(twin.named_parameters())
    assert parameters.keys() <= weights.keys()
    assert not any("mask" in name or "index" in name for name in weights)
    others = weights.keys() - parameters.keys()
    assert {name.rpartition(".")[2] for name in others} == {"running_mean", "running_var"}
    assert sum(weights[name].size for name in parameters) == sum(each.numel() for each in parameters.values())


def test_counters_are_whole_numbers(twin):
    twin.train()(torch.rand(4, 1, 8, 8))
    counters = counters_of(twin)
    assert len(counters) == 2
    assert set(counters.values()) == {1}


def test_a_state_that_was_set_is_found_again(twin):
    weights = {name: np.full_like(array, 0.5) for name, array in weights_of(twin).items()}
    counters = dict.fromkeys(counters_of(twin), 7)
    set_state_(twin, weights, counters)
    assert counters_of(twin) == counters
    found = weights_of(twin)
    assert all(np.array_equal(found[name], weights[name]) for name in weights)


def test_weights_are_copies(twin):
    weights = weights_of(twin)
    name = next(iter(weights))
    weights[name][...] = 3
    assert not np.array_equal(weights_of(twin)[name], weights[name])


def test_what_does_not_fit_is_named(twin):
    weights = weights_of(twin)
    name = next(iter(weights))
    with pytest.raises(InvalidValueError, match=f"weights: {name} is missing"):
        set_state_(twin, {key: value for key, value in weights.items() if key != name}, {})
    with pytest.raises(InvalidValueError, match="weights: spare is not part of the network"):
        set_state_(twin, weights | {"spare": np.zeros(1, np.float32)}, {})
    assert difference({"a": (2,)}, {"a": np.zeros(3, np.float32)}) == "a has shape [3], expected [2]"
    assert difference({"a": (2,)}, {"a": np.zeros(2, np.float32)}) == ""
