import gc
import random

import numpy as np
import pytest

from swann import InvalidValueError, UnknownNameError
from swann.federated import Privacy, simulate, strategy_names
from swann.federated._state import weights_of
from swann.federated._strategies import (
    is_elementwise,
    make_strategy,
    restore_strategy_,
    seeded,
    spared_collections,
    strategy_state,
)

WITH_STATE = ("fedadagrad", "fedadam", "fedavgm", "fedyogi")


def test_names_are_flowers_without_trees():
    assert {"fedavg", "fedprox", "krum", *WITH_STATE} <= set(strategy_names())
    assert not any("xgb" in name for name in strategy_names())


@pytest.mark.parametrize("name", strategy_names())
def test_each_strategy_trains(name, twin, architecture, data, clients, make_config):
    options = {"num_malicious_nodes": 1} if name in ("krum", "multikrum", "bulyan") else {}
    if name == "multikrum":
        options["num_nodes_to_select"] = 3
    if name == "fedavgm":
        options["server_momentum"] = 0.9
    before = weights_of(twin)
    config = make_config(strategy=name, strategy_options=options, per_round=8)
    history = simulate(twin, architecture, data, clients, config)
    assert [(each.answered, each.refused) for each in history.rounds] == [(8, ()), (8, ())]
    after = weights_of(twin)
    assert all(np.isfinite(array).all() for array in after.values())
    assert any(not np.array_equal(after[key], before[key]) for key in before)


def test_unknown_names_options_and_too_many_clients_are_refused(make_config):
    with pytest.raises(UnknownNameError, match="unknown strategy 'fedavgg': did you mean 'fedavg"):
        make_strategy(make_config(strategy="fedavgg"), 8)
    with pytest.raises(InvalidValueError, match="strategy 'fedprox' has no option 'mu'; it takes proximal_mu"):
        make_strategy(make_config(strategy="fedprox", strategy_options={"mu": 1}), 8)
    with pytest.raises(InvalidValueError, match="strategy 'fedavg' has no option 'eta'; it takes none"):
        make_strategy(make_config(strategy_options={"eta": 1}), 8)
    with pytest.raises(InvalidValueError, match="per_round: expected 1 to 3, the clients there are, found 4"):
        make_strategy(make_config(), 3)


def test_seeding_leaves_the_global_generators_as_they_were():
    random.seed(5)
    np.random.seed(5)
    expected = random.random(), np.random.random()
    random.seed(5)
    np.random.seed(5)
    with seeded(1):
        first = random.random(), np.random.random()
    assert (random.random(), np.random.random()) == expected
    with seeded(1):
        assert (random.random(), np.random.random()) == first


def test_noise_and_momentum_go_by_arrays(make_config):
    assert is_elementwise(make_config(strategy="fedavg"))
    for changes in ({"strategy": "fedavgm"}, {"strategy": "krum"}, {"privacy": Privacy("server")}):
        assert not is_elementwise(make_config(**changes))


def test_collections_spare_what_was_there_before_and_nothing_afterwards():
    with spared_collections():
        assert gc.get_freeze_count() > 0
        with spared_collections():
            pass
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("privacy", ["none", "server"])
def test_state_is_restored_arrays_numbers_and_what_is_wrapped(privacy, make_config):
    arrays = {"a": np.arange(3.0), "b.c": np.ones((2, 2))}
    config = make_config(strategy="fedadam", privacy=Privacy(privacy))
    strategy, other = make_strategy(config, 8), make_strategy(config, 8)
    inner, of_other = (getattr(each, "strategy", each) for each in (strategy, other))
    inner.m_t, inner.v_t, inner.eta = dict(arrays), {"a": np.zeros(1)}, 0.25
    restore_strategy_(other, strategy_state(strategy))
    assert of_other.eta == 0.25
    assert of_other.m_t.keys() == arrays.keys()
    assert all(np.array_equal(of_other.m_t[name], arrays[name]) for name in arrays)


def test_a_momentum_list_is_restored_in_its_order(make_config):
    config = make_config(strategy="fedavgm", strategy_options={"server_momentum": 0.9})
    strategy, other = make_strategy(config, 8), make_strategy(config, 8)
    strategy.momentum_vector = [np.full(2, float(number)) for number in range(12)]
    restore_strategy_(other, strategy_state(strategy))
    assert [float(each[0]) for each in other.momentum_vector] == list(range(12))
