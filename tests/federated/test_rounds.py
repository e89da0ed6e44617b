from functools import partial

import numpy as np
import pytest
import torch
from apps import faulty_app

from swann.federated import LocalGrid, Rounds
from swann.federated._state import weights_of

FAULTS = {
    "raises": "client 3: failed: RuntimeError: out of battery",
    "sends_nan": "is not finite",
    "sends_other_network": "trained another network",
    "sends_no_bytes": "an array that NumPy did not write",
}


class AveragingGrid(LocalGrid):
    """Works out of each round's answers, but those of client 3, what they average to."""

    def send_and_receive(self, messages, *, timeout=None):
        replies = list(super().send_and_receive(messages, timeout=timeout))
        good = [reply for reply in replies if reply.metadata.src_node_id != 3]
        if good:
            images = [reply.content["metrics"]["num-examples"] for reply in good]
            self.mean = np.average(
                [reply.content["arrays"]["weights"].numpy() for reply in good], axis=0, weights=images
            )
        return replies


@pytest.mark.parametrize("fault", FAULTS)
def test_no_round_is_lost_and_each_is_the_mean_of_those_that_answered(
    fault, twin, architecture, data, clients, make_config, tmp_path
):
    rows = [torch.from_numpy(rows) for rows in clients.rows]
    config = make_config(rounds=3, per_round=8)

    def check(history):
        assert history.rounds[-1].answered == 7
        weights = [array.ravel() for _, array in sorted(rounds.strategy.weights.items())]
        np.testing.assert_allclose(np.concatenate(weights), grid.mean, rtol=1e-5, atol=1e-6)

    rounds = Rounds(twin, architecture, config, 8, None, data, tmp_path / "run", on_round=check)
    with AveragingGrid(partial(faulty_app, data, rows, fault), [{"partition-id": i} for i in range(8)]) as grid:
        history = rounds.run(grid)
    assert [(each.asked, each.answered, each.missing) for each in history.rounds] == [(8, 7, 0)] * 3
    for each in history.rounds:
        (reason,) = each.refused
        assert FAULTS[fault] in reason
        assert 0 <= each.test_error <= 1
    assert history.n_images == sum(len(rows) for number, rows in enumerate(clients.rows) if number != 2)
    assert all(np.array_equal(array, rounds.strategy.weights[name]) for name, array in weights_of(twin).items())
