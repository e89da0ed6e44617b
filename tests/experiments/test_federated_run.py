from dataclasses import replace
from functools import partial

import pytest

import swann
from swann import FileFormatError, InvalidValueError
from swann.experiments._federated_run import run_federated, traffic_markdown
from swann.federated import Architecture, FederatedConfig, FederatedHistory, LocalTraining, Round, split


@pytest.fixture
def run(tmp_path):
    """Return what trains two models under two seeds; its list `created` grows with each that is made."""
    digits = swann.data.load("digits").subset(60, 20)
    values = {"in_channels": 1, "n_classes": 10, "image_size": 8, "width": 0.25}
    config = FederatedConfig(rounds=2, per_round=2, local=LocalTraining(epochs=None, steps=1))

    def make(name, seed):
        run_again.created.append((name, seed))
        return swann.models.create("swann:mnist5", seed=seed, **values)

    def run_again(on_round=None, **changes):
        return run_federated(
            {name: partial(make, name) for name in ("baseline", "paper order, p = 0")},
            lambda _: Architecture.by_name("swann:mnist5", **values),
            digits,
            lambda seed: split("iid", digits.train_labels.numpy(), 4, seed=seed),
            replace(config, **changes),
            seeds=(0, 1),
            directory=tmp_path / "there",
            on_round=on_round,
        )

    run_again.created = []
    return run_again


def test_networks_take_turns_and_what_was_done_is_not_done_again(run, tmp_path):
    told = []
    first = run(lambda name, seed, history: told.append((name, seed, len(history.rounds))))
    both = ("baseline", "paper order, p = 0")
    assert run.created == [(name, seed) for seed in (0, 1) for name in both]
    assert told == [(name, seed, number) for seed in (0, 1) for name in both for number in (1, 2)]
    assert [each.seed for each in first["baseline"]] == [0, 1]
    # the same networks, clients and batches
    errors = [[each.test_error for each in run.rounds] for runs in first.values() for run in runs]
    assert errors[0] == errors[2]
    run.created.clear()
    assert run() == first
    assert run.created == []


def test_a_run_that_was_killed_goes_on(run, tmp_path):
    class KilledError(Exception):
        pass

    def kill(name, seed, history):
        if (name, seed, len(history.rounds)) == ("baseline", 1, 1):
            raise KilledError

    with pytest.raises(KilledError):
        run(kill)
    told = []
    run(lambda name, seed, history: told.append((name, seed, len(history.rounds))))
    assert told[0] == ("baseline", 1, 2)
    (tmp_path / "there" / "history-baseline-0.json").write_text("{}")
    with pytest.raises(FileFormatError, match="history-baseline-0.json: .* remove it to repeat that run"):
        run()


def test_runs_that_were_done_go_on_to_more_rounds(run, tmp_path):
    first, told = run(), []
    longer = run(lambda name, seed, history: told.append((name, seed, len(history.rounds))), rounds=3)
    assert told == [(name, seed, 3) for seed in (0, 1) for name in first]
    for name, runs in first.items():
        assert [each.rounds[:2] for each in longer[name]] == [each.rounds for each in runs]
    with pytest.raises(InvalidValueError, match="rounds: found 2, but .*history-baseline-0.json has 3 already"):
        run()
    for checkpoint in (tmp_path / "there").glob("*.ckpt"):
        checkpoint.unlink()
    assert run(rounds=3) == longer
    with pytest.raises(FileFormatError, match="history-baseline-0.json has 3 rounds and no checkpoint to go on from"):
        run(rounds=4)
    assert run(rounds=4, target_error=1.0) == longer


def test_what_travelled_is_a_table_of_means():
    one = Round(1, 5, 10, 8, ("client 1: late",), 4_000_000, 800_000, 40, 2.0, 1.5, surplus=("client 2: twice",))
    history = FederatedHistory((one,), n_parameters=1234, batch_size=10, n_images=500, learning_rate=0.1)
    other = replace(history, rounds=(one, replace(one, number=2, refused=(), surplus=(), answered=10)))
    table = traffic_markdown({"a": [history], "b": [history, other]}).splitlines()
    assert table[2] == "| a | 1,234 | 1 | 400.0 + 100.0 | 4.8 | 2.0 | 2 | 1 |"
    assert table[3] == "| b | 1,234 | 1.5 | 400.0 + 92.3 | 7.2 | 3.0 | 4 | 2 |"
