import copy
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from apps import simulate_and_tell

import swann
from swann import FileFormatError, InvalidValueError, OutputError
from swann.federated import Architecture, LocalTraining, Privacy, simulate
from swann.federated._local_grid import process_context
from swann.federated._state import counters_of, weights_of
from swann.train import OptimizerConfig


def same(one, other):
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def without_times(history):
    return [
        (each.number, each.answered, each.bytes_down, each.bytes_up, each.steps, each.train_loss, each.test_error)
        for each in history.rounds
    ]


def test_a_round_is_federated_averaging(twin, architecture, data, clients, make_config):
    """Against McMahan's algorithm written out in a few lines: all clients, a step of plain SGD on all their images."""
    local = LocalTraining(epochs=1, batch_size=1000, optimizer=OptimizerConfig("sgd", lr=0.05))
    start, sums, total = copy.deepcopy(twin), {}, 0
    for rows in clients.rows:
        network = copy.deepcopy(start).train()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
        images = data.normalise(data.train_images[rows])
        torch.nn.functional.cross_entropy(network(images), data.train_labels[rows]).backward()
        optimizer.step()
        total += len(rows)
        for name, array in weights_of(network).items():
            sums[name] = sums.get(name, 0) + len(rows) * array.astype(np.float64)
    history = simulate(twin, architecture, data, clients, make_config(rounds=1, per_round=8, local=local))
    for name, array in weights_of(twin).items():
        np.testing.assert_allclose(array, sums[name] / total, rtol=1e-4, atol=1e-6)
    assert set(counters_of(twin).values()) == {1}
    assert history.rounds[0].steps == 8


def test_the_seed_decides_everything_and_the_number_of_processes_nothing(
    twin, architecture, data, clients, make_config
):
    runs = []
    for n_workers, seed in ((1, 0), (2, 0), (1, 1)):
        network = copy.deepcopy(twin)
        history = simulate(
            network, architecture, data, clients, make_config(compression="int8", seed=seed), n_workers=n_workers
        )
        runs.append((network, without_times(history)))
    assert same(runs[0][0], runs[1][0])
    assert runs[0][1] == runs[1][1]
    assert not same(runs[0][0], runs[2][0])
    assert not runs[0][0].training


def test_a_resumed_run_ends_as_one_that_was_not_stopped(twin, architecture, data, clients, make_config, tmp_path):
    config = make_config(rounds=4, strategy="fedadam")
    whole, parts = copy.deepcopy(twin), copy.deepcopy(twin)
    wanted = simulate(whole, architecture, data, clients, config)

    def stop(history):
        if len(history.rounds) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    stopped = simulate(parts, architecture, data, clients, config, checkpoint=tmp_path / "run", on_round=stop)
    assert stopped.interrupted
    assert len(stopped.rounds) == 2
    resumed = copy.deepcopy(twin)
    history = simulate(resumed, architecture, data, clients, config, checkpoint=tmp_path / "run", resume=True)
    assert same(whole, resumed)
    assert without_times(history) == without_times(wanted)
    assert not history.interrupted


@pytest.mark.parametrize(
    "settings",
    [
        {"strategy": "fedadam"},
        {"strategy": "fedavgm", "strategy_options": {"server_momentum": 0.9}},
        {"compression": "int8"},
        {"privacy": Privacy("server", noise_multiplier=0.1)},
    ],
    ids=lambda settings: next(iter(settings)) + str(next(iter(settings.values())))[:7],
)
def test_a_run_that_was_done_goes_on_to_more_rounds(settings, twin, architecture, data, clients, make_config, tmp_path):
    def train(rounds, **where):
        network = copy.deepcopy(twin)
        return network, simulate(network, architecture, data, clients, make_config(rounds=rounds, **settings), **where)

    train(1, checkpoint=tmp_path / "run")
    network, history = train(3, checkpoint=tmp_path / "run", resume=True)
    at_once, wanted = train(3)
    assert same(network, at_once)
    assert without_times(history) == without_times(wanted)


def test_a_killed_server_loses_the_running_round_at_most(twin, architecture, data, clients, make_config, tmp_path):
    context = process_context()
    ours, theirs = context.Pipe()
    victim = copy.deepcopy(twin)  # its memory is shared with the process
    arguments = (victim, architecture, data, clients, make_config(rounds=12), tmp_path / "run", theirs)
    process = context.Process(target=simulate_and_tell, args=arguments)
    process.start()
    theirs.close()
    while ours.recv() < 5:
        pass
    time.sleep(0.01)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    numbers = []
    config = make_config(rounds=12)
    whole, resumed = copy.deepcopy(twin), copy.deepcopy(twin)
    simulate(whole, architecture, data, clients, config)
    simulate(
        *(resumed, architecture, data, clients, config),
        checkpoint=tmp_path / "run",
        resume=True,
        on_round=lambda history: numbers.append(len(history.rounds)),
    )
    assert 6 <= numbers[0] <= 12
    assert numbers[-1] == 12
    assert same(whole, resumed)


def test_it_stops_at_a_target_error(twin, architecture, data, clients, make_config):
    history = simulate(twin, architecture, data, clients, make_config(rounds=5, target_error=1.0))
    assert len(history.rounds) == 1
    assert not history.interrupted


def test_rounds_between_evaluations_have_no_error(twin, architecture, data, clients, make_config):
    history = simulate(twin, architecture, data, clients, make_config(rounds=3, evaluate_every=2))
    assert [each.test_error is None for each in history.rounds] == [True, False, False]


def test_a_model_by_name_is_trained_too(data, clients, make_config):
    network = swann.models.mnist5(image_size=8)
    named = Architecture.by_name("swann:mnist5", in_channels=1, n_classes=10, image_size=8)
    before = weights_of(network)
    history = simulate(network, named, data, clients, make_config())
    assert history.rounds[-1].answered == 4
    assert any(not np.array_equal(array, before[name]) for name, array in weights_of(network).items())


@pytest.mark.parametrize("kind", ["server", "client"])
def test_differential_privacy_clips_what_a_client_changes(kind, twin, architecture, data, clients, make_config):
    before = weights_of(twin)
    privacy = Privacy(kind, noise_multiplier=0.0, clipping_norm=1e-3)
    simulate(twin, architecture, data, clients, make_config(rounds=1, privacy=privacy))
    change = np.sqrt(sum(((array - before[name]) ** 2).sum() for name, array in weights_of(twin).items()))
    assert 0 < change <= 1e-3 * 1.001


@pytest.mark.parametrize("kind", ["server", "client"])
def test_differential_privacy_adds_noise_of_the_size_asked_for(kind, twin, architecture, data, clients, make_config):
    before = weights_of(twin)
    privacy = Privacy(kind, noise_multiplier=100.0, clipping_norm=1e-3)
    simulate(twin, architecture, data, clients, make_config(rounds=1, privacy=privacy))
    changes = np.concatenate(
        [(array - before[name]).ravel() for name, array in weights_of(twin).items() if "running" not in name]
    )
    assert changes.std() == pytest.approx(100 * 1e-3 / 4, rel=0.1)  # over the 4 clients
    assert all((array >= 0).all() for name, array in weights_of(twin).items() if name.endswith("running_var"))


def test_bad_places_for_a_checkpoint_are_refused(twin, architecture, data, clients, make_config, tmp_path):
    path = tmp_path / "run"
    with pytest.raises(OutputError, match=f"nothing to resume: no checkpoint at {path}"):
        simulate(twin, architecture, data, clients, make_config(), checkpoint=path, resume=True)
    simulate(twin, architecture, data, clients, make_config(), checkpoint=path)
    with pytest.raises(InvalidValueError, match=f"{path} exists: resume that run"):
        simulate(twin, architecture, data, clients, make_config(), checkpoint=path)
    with pytest.raises(
        InvalidValueError, match=f"expected as many as were done or more, found 1; {path} has 2 already"
    ):
        simulate(twin, architecture, data, clients, make_config(rounds=1), checkpoint=path, resume=True)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(FileFormatError, match="is truncated or not a checkpoint"):
        simulate(twin, architecture, data, clients, make_config(), checkpoint=path, resume=True)
    with pytest.raises(InvalidValueError, match="workers: expected 1 or more, found 0"):
        simulate(twin, architecture, data, clients, make_config(), n_workers=0)
    assert list(Path(tmp_path).iterdir()) == [path]
