import dataclasses

import pytest

import swann
from swann import SwannError
from swann.deployment import ServerSettings, client, serve
from swann.federated import FederatedHistory, LocalGrid

_NODES = [{"data": "digits", "partition-id": share, "num-partitions": 2} for share in range(2)]


class KilledError(Exception):
    pass


class _MortalGrid(LocalGrid):
    """Is killed in a round, and has forgotten what its clients kept, as a new run of Flower has."""

    def __init__(self, killed_in=None):
        super().__init__(_app, _NODES)
        self._left = killed_in

    def send_and_receive(self, messages, *, timeout=None):
        messages = list(messages)
        if messages and self._left is not None:
            self._left -= 1
            if not self._left:
                raise KilledError
        return super().send_and_receive(messages, timeout=timeout)


def _app():
    return client


@pytest.fixture
def settings(tmp_path):
    return ServerSettings(p=0.5, rounds=3, local_steps=4, batch_size=16, out=str(tmp_path / "out"))


def _without_times(history):
    return [dataclasses.replace(each, client_seconds=0.0, elapsed_seconds=0.0, bytes_down=0) for each in history.rounds]


def test_a_run_goes_on_after_a_kill_as_if_nothing_had_been(settings, tmp_path, capsys):
    with pytest.raises(KilledError):
        serve(_MortalGrid(killed_in=2), settings)
    found = {path.name for path in (tmp_path / "out").iterdir()}
    assert found == {"swann-run.json", "rounds.csv", "checkpoint-federated.ckpt"}
    with pytest.raises(SwannError, match="holds a run already"):
        serve(_MortalGrid(), settings)
    resumed = serve(_MortalGrid(), dataclasses.replace(settings, resume=True))
    whole = serve(_MortalGrid(), dataclasses.replace(settings, out=str(tmp_path / "whole")))
    assert [each.answered for each in resumed.rounds] == [2, 2, 2]
    assert _without_times(resumed) == _without_times(whole)
    assert FederatedHistory.from_json((tmp_path / "out" / "federated.json").read_text()) == resumed
    assert swann.load(tmp_path / "out" / "network.safetensors").plan.input_shape == (1, 8, 8)
    assert "round 3 of 3: 2 of 2 answers, test error" in capsys.readouterr().out


def test_without_data_nothing_is_measured(settings):
    blind = dataclasses.replace(settings, p=None, data="", channels=1, image_size=8, classes=10, rounds=1)
    history = serve(_MortalGrid(), blind)
    assert history.rounds[0].answered == 2
    assert history.rounds[0].test_error is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": ""}, "run config: without data, a model by name needs channels, image-size and classes"),
        ({"model": "net.safetensors"}, "run config: net.safetensors is converted already; leave out p"),
        ({"model": "swann:mnst5"}, "did you mean 'mnist5'"),
        ({"model": "torch.nn:Flatten", "p": None}, "nodes build swann: and torchvision: models alone"),
        ({"per_round": 3}, "per_round: expected 1 to 2, the clients there are, found 3"),
        ({"strategy": "fedagv"}, "unknown strategy 'fedagv': did you mean 'fedavg'"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(settings, tmp_path, changes, message):
    with pytest.raises(SwannError, match=message):
        serve(_MortalGrid(), dataclasses.replace(settings, **changes))
    assert not list(tmp_path.iterdir())
