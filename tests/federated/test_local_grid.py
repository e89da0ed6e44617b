import time
from functools import partial

import pytest
import torch
from apps import faulty_app
from flwr.app import ConfigRecord, Message, RecordDict

from swann.federated import CheckedStrategy, LocalGrid
from swann.federated._arrays import record_of_each
from swann.federated._state import counters_of, weights_of


@pytest.fixture
def asked(twin, architecture, make_config, data, clients):
    """Return a grid with a fault, and messages to its clients."""
    grids = []

    def make(fault, n_workers):
        rows = [torch.from_numpy(rows) for rows in clients.rows]
        configs = [{"partition-id": client} for client in range(8)]
        grid = LocalGrid(partial(faulty_app, data, rows, fault), configs, n_workers)
        grids.append(grid)
        strategy = CheckedStrategy(make_config(per_round=8), architecture, weights_of(twin), counters_of(twin), 8)
        return grid, strategy, list(strategy.configure_train(1, record_of_each({}), ConfigRecord(), grid))

    yield make
    for grid in grids:
        grid.close()


def test_a_process_that_ends_fails_its_client_alone_and_is_replaced(asked):
    grid, _strategy, messages = asked("ends", 2)
    replies = list(grid.send_and_receive(messages))
    errors = {each.metadata.src_node_id: each.error.reason for each in replies if each.has_error()}
    assert errors == {3: "the client's process ended"}
    assert len(replies) == 8
    again = [message for message in messages if message.metadata.dst_node_id != 3]
    assert not any(reply.has_error() for reply in grid.send_and_receive(again))


def test_a_late_client_does_not_answer_and_its_process_is_replaced(asked):
    grid, strategy, messages = asked("sleeps", 2)
    quick = [message for message in messages if message.metadata.dst_node_id != 3]
    assert len(list(grid.send_and_receive(quick))) == 7  # both processes have imported what they need
    start = time.monotonic()
    replies = list(grid.send_and_receive(messages, timeout=3))
    assert time.monotonic() - start < 20
    assert sorted(reply.metadata.src_node_id for reply in replies) == [1, 2, 4, 5, 6, 7, 8]
    strategy.aggregate_train(1, replies)
    assert (strategy.traffic.answered, strategy.traffic.missing, strategy.traffic.refused) == (7, 1, [])
    assert len(list(grid.send_and_receive(quick))) == 7


def test_in_processes_flower_prints_nothing_but_errors(asked):
    grid, _, messages = asked("tells_flowers_level", 2)
    (reply,) = grid.send_and_receive([message for message in messages if message.metadata.dst_node_id == 3])
    assert reply.error.reason == "RuntimeError: ERROR"


def test_messages_may_be_pushed_and_their_answers_pulled(asked):
    grid, _, messages = asked("raises", 1)
    numbers = list(grid.push_messages(messages[:2]))
    assert len(set(numbers)) == 2
    assert len(list(grid.pull_messages(numbers))) == 2
    assert list(grid.pull_messages(numbers)) == []
    assert [node.node_id for node in grid.get_nodes()] == list(grid.get_node_ids()) == list(range(1, 9))
    made = grid.create_message(RecordDict(), "train", 4, "group")
    assert isinstance(made, Message)
    assert (made.metadata.dst_node_id, made.metadata.group_id) == (4, "group")
