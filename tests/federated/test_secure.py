import copy
from functools import partial

import numpy as np
import pytest
import torch
from apps import faulty_app
from flwr.app import ConfigRecord

from swann.federated import CheckedStrategy, LocalGrid, Privacy, simulate
from swann.federated._arrays import record_of_each
from swann.federated._secure import SecureGrid
from swann.federated._state import counters_of, weights_of


def test_the_mean_is_that_of_plain_averaging(twin, architecture, data, clients, make_config):
    plain, secure = copy.deepcopy(twin), copy.deepcopy(twin)
    wanted = simulate(plain, architecture, data, clients, make_config())
    history = simulate(secure, architecture, data, clients, make_config(secure_aggregation=True, largest_client=50))
    assert [each.answered for each in history.rounds] == [4, 4]
    expected, found = weights_of(plain), weights_of(secure)
    for name in expected:
        np.testing.assert_allclose(found[name], expected[name], atol=2e-3)
    assert counters_of(secure) == counters_of(plain)
    assert history.rounds[0].bytes_up > wanted.rounds[0].bytes_up  # masks need 64 bits a weight


@pytest.fixture
def secure(twin, architecture, data, clients, make_config):
    """Return what makes a grid with a fault, and a strategy that asks all clients."""

    def make(fault, largest_client=50):
        rows = [torch.from_numpy(rows) for rows in clients.rows]
        below = LocalGrid(partial(faulty_app, data, rows, fault), [{"partition-id": i} for i in range(8)])
        config = make_config(per_round=8, secure_aggregation=True)
        strategy = CheckedStrategy(config, architecture, weights_of(twin), counters_of(twin), 8)
        grid = SecureGrid(below, largest_client)
        messages = strategy.configure_train(1, record_of_each(strategy.weights), ConfigRecord(), grid)
        return grid, strategy, messages

    return make


@pytest.mark.parametrize("fault", ["raises", "raises_at_key_sharing", "raises_in_training"])
def test_a_client_that_drops_out_is_named_and_the_mean_is_of_the_others(fault, secure):
    grid, strategy, messages = secure(fault)
    before = {name: array.copy() for name, array in strategy.weights.items()}
    strategy.aggregate_train(1, grid.send_and_receive(messages))
    assert strategy.traffic.answered == 7
    assert strategy.traffic.refused == ["client 3: failed: RuntimeError: out of battery"]
    assert any(not np.array_equal(array, before[name]) for name, array in strategy.weights.items())


def test_no_answer_shows_a_clients_own_weights(secure):
    grid, _, messages = secure("raises_in_training")
    replies = [reply for reply in grid.send_and_receive(messages) if not reply.has_error()]
    first = replies[0].content["arrays"]
    assert all(reply.content["arrays"][name] == first[name] for reply in replies for name in first)
    asked = [message for message in messages if message.metadata.dst_node_id == 1]
    masked = next(iter(grid._grid.send_and_receive(asked)))  # a client that is asked without the protocol
    assert masked.content["arrays"] != first


def test_weights_that_are_not_finite_never_reach_the_sum(secure):
    grid, strategy, messages = secure("diverges")
    strategy.aggregate_train(1, grid.send_and_receive(messages))
    assert strategy.traffic.answered == 7
    assert "the weights are not finite after training; nothing is sent" in strategy.traffic.refused[0]
    assert all(np.isfinite(array).all() for array in strategy.weights.values())


def test_a_client_with_more_images_than_were_said_takes_no_part(secure):
    grid, strategy, messages = secure("raises_in_training", largest_client=3)
    assert strategy.aggregate_train(1, grid.send_and_receive(messages)) == (None, None)
    assert len(strategy.traffic.refused) == 8
    assert "25 images; the server's largest client has 3" in strategy.traffic.refused[0]


def test_it_goes_with_clipping_on_the_clients(twin, architecture, data, clients, make_config):
    before = weights_of(twin)
    privacy = Privacy("client", noise_multiplier=0.0, clipping_norm=1e-2)
    config = make_config(rounds=1, secure_aggregation=True, largest_client=50, privacy=privacy)
    history = simulate(twin, architecture, data, clients, config)
    assert history.rounds[0].answered == 4
    change = np.sqrt(sum(((array - before[name]) ** 2).sum() for name, array in weights_of(twin).items()))
    assert 0 < change < 1.1e-2
