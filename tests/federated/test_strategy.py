import copy
from functools import partial

import numpy as np
import pytest
import torch
from apps import faulty_app
from flwr.app import ConfigRecord, Context, Message, RecordDict

from swann.federated import CheckedStrategy, LocalGrid
from swann.federated._arrays import record_of_each
from swann.federated._compression import encode_weights, n_bytes
from swann.federated._state import counters_of, weights_of
from swann.federated._strategy import Traffic


@pytest.fixture
def strategy(twin, architecture, make_config):
    return CheckedStrategy(make_config(per_round=8), architecture, weights_of(twin), counters_of(twin), 8)


@pytest.fixture
def grid(data, clients):
    def make(fault, n_workers=1):
        rows = [torch.from_numpy(rows) for rows in clients.rows]
        return LocalGrid(partial(faulty_app, data, rows, fault), [{"partition-id": i} for i in range(8)], n_workers)

    return make


def ask(strategy, grid, number=1):
    return list(strategy.configure_train(number, record_of_each(strategy.weights), ConfigRecord(), grid))


def average(strategy, replies):
    """The mean of what clients sent, by a few lines of NumPy."""
    images = [reply.content["metrics"]["num-examples"] for reply in replies]
    mean = np.average([reply.content["arrays"]["weights"].numpy() for reply in replies], axis=0, weights=images)
    names = sorted(strategy.weights)
    parts = np.split(mean, np.cumsum([strategy.weights[name].size for name in names])[:-1])
    return {name: part.reshape(strategy.weights[name].shape) for name, part in zip(names, parts, strict=True)}


FAULTS = {
    "raises": "failed: RuntimeError: out of battery",
    "sends_nan": "is not finite",
    "sends_other_shapes": "1 weights, expected 732",
    "sends_other_network": "trained another network, 00000000… instead of ",
    "sends_less": "expected one array, weights, found none",
    "sends_nothing": "KeyError: 'swann'",
    "claims_no_images": "-5 images, training loss ",
    "sends_no_bytes": "an array that NumPy did not write",
    "counts_too_far": "ValueError: expected a count, found 1000000000000000000000000000000",
    "nests_too_deep": "RecursionError",
    "takes_forever": "ValueError: nan seconds",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_answer_is_refused_and_named_and_the_mean_is_of_the_others(fault, strategy, grid):
    strategy_of_good_ones = grid(fault)
    replies = list(strategy_of_good_ones.send_and_receive(ask(strategy, strategy_of_good_ones)))
    good = [reply for reply in replies if reply.metadata.src_node_id != 3]
    expected = average(strategy, good)
    arrays, _ = strategy.aggregate_train(1, replies)
    (reason,) = strategy.traffic.refused
    assert reason.startswith("client 3: ")
    assert FAULTS[fault] in reason
    assert (strategy.traffic.asked, strategy.traffic.answered, strategy.traffic.missing) == (8, 7, 0)
    for name, array in expected.items():
        np.testing.assert_allclose(strategy.weights[name], array, rtol=1e-5, atol=1e-7)
        np.testing.assert_array_equal(arrays[name].numpy(), strategy.weights[name])


def test_the_mean_is_the_same_of_weights_in_one_array_and_in_many(strategy, grid, make_config, monkeypatch):
    clients = grid("raises_in_training")
    replies = list(clients.send_and_receive(ask(strategy, clients)))
    monkeypatch.setattr("swann.federated._strategy.is_elementwise", lambda _: False)
    other = CheckedStrategy(make_config(per_round=8), strategy.architecture, dict(strategy.weights), {}, 8)
    ask(other, clients)
    for each in (strategy, other):
        each.aggregate_train(1, copy.deepcopy(replies))
        assert each.traffic.answered == 7
    assert list(strategy.weights) == list(other.weights)
    assert all(np.array_equal(array, other.weights[name]) for name, array in strategy.weights.items())


def test_a_second_answer_and_one_that_nobody_asked_for_are_refused(strategy, grid):
    clients = grid("raises")
    messages = ask(strategy, clients)
    replies = [reply for reply in clients.send_and_receive(messages) if reply.metadata.src_node_id < 3]
    expected = average(strategy, replies)
    stranger = next(iter(clients.send_and_receive([messages[0]])))
    stranger.metadata.__dict__["_src_node_id"] = 77
    again = list(clients.send_and_receive([each for each in messages if each.metadata.dst_node_id == 1]))
    strategy.traffic = Traffic(asked=8)
    strategy.aggregate_train(1, [*replies, *again, stranger])
    assert strategy.traffic.surplus == [
        "client 1: answered twice; the first answer counts",
        "client 77: answered without being asked",
    ]
    assert (strategy.traffic.answered, strategy.traffic.missing, strategy.traffic.refused) == (2, 6, [])
    for name, array in expected.items():
        np.testing.assert_allclose(strategy.weights[name], array, rtol=1e-5, atol=1e-7)
    assert strategy.traffic.bytes_up == 4 * n_bytes(encode_weights(strategy.weights, "none"))


def test_an_answer_to_an_earlier_round_is_refused_and_the_one_to_this_round_counts(strategy, grid):
    clients = grid("sleeps")
    (late,) = clients.send_and_receive([each for each in ask(strategy, clients) if each.metadata.dst_node_id == 1])
    second = [each for each in ask(strategy, clients, 2) if each.metadata.dst_node_id in (1, 2)]
    replies = list(clients.send_and_receive(second))
    expected = average(strategy, replies)
    strategy.aggregate_train(2, [late, *replies])
    assert strategy.traffic.surplus == ["client 1: answered late: round 1 in round 2"]
    assert (strategy.traffic.answered, strategy.traffic.missing) == (2, 6)
    for name, array in expected.items():
        np.testing.assert_allclose(strategy.weights[name], array, rtol=1e-5, atol=1e-7)


def test_without_a_fitting_answer_the_weights_stay(strategy, grid):
    clients = grid("raises")
    before = {name: array.copy() for name, array in strategy.weights.items()}
    replies = clients.send_and_receive([each for each in ask(strategy, clients) if each.metadata.dst_node_id == 3])
    assert strategy.aggregate_train(1, replies) == (None, None)
    assert all(np.array_equal(strategy.weights[name], before[name]) for name in before)
    assert strategy.traffic.missing == 7


def test_counters_stay_whole_and_grow_with_the_clients_steps(strategy, grid):
    clients = grid("raises")
    strategy.aggregate_train(1, clients.send_and_receive(ask(strategy, clients)))
    assert set(strategy.counters.values()) == {3}
    assert all(isinstance(count, int) for count in strategy.counters.values())


def test_the_architecture_travels_once_and_again_after_it_was_lost(strategy, grid):
    clients = grid("sends_nan")
    first = ask(strategy, clients)
    assert all(message.content["swann"]["architecture"] for message in first)
    text = len(strategy.architecture.to_json())
    of_arrays = strategy.traffic.bytes_down - 8 * text
    strategy.aggregate_train(1, clients.send_and_receive(first))
    second = ask(strategy, clients)
    assert strategy.traffic.bytes_down == of_arrays + text  # to the client that was refused
    forgetful = clients._contexts[1]
    forgetful.state = RecordDict()
    strategy.aggregate_train(2, clients.send_and_receive(second))
    assert any("client 1: failed: NoArchitectureError" in reason for reason in strategy.traffic.refused)
    third = {
        message.metadata.dst_node_id: message.content["swann"]["architecture"] for message in ask(strategy, clients)
    }
    assert [node for node, text in sorted(third.items()) if text] == [1, 3]


def test_a_message_of_another_server_is_refused_by_the_client(data, clients, grid):
    app = grid("raises")._app
    message = Message(RecordDict({"arrays": encode_weights({}, "none")}), 1, "train")
    with pytest.raises(Exception, match="not a message of a swann server"):
        app(message, Context(1, 1, {"partition-id": 0}, RecordDict(), {}))
