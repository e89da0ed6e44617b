import numpy as np
import pytest

from swann import FileFormatError
from swann.federated import FederatedHistory
from swann.federated._checkpoint import Saved, read_checkpoint, write_checkpoint

SETTINGS = {"config": {"rounds": 3, "lr": 0.1}, "data": "digits"}


@pytest.fixture
def saved():
    history = FederatedHistory((), n_parameters=3, batch_size=10, n_images=5, learning_rate=0.1, seed=4)
    weights = {"a.b": np.arange(3, dtype=np.float32)}
    return Saved(weights, {"n": 2**40}, {"m_t/a.b": np.ones(3), "eta": np.asarray(0.5)}, (1, 5), history)


def test_a_state_is_read_back(saved, tmp_path):
    write_checkpoint(tmp_path / "run", saved, SETTINGS)
    found = read_checkpoint(tmp_path / "run", SETTINGS)
    assert (found.counters, found.informed, found.history) == (saved.counters, saved.informed, saved.history)
    for one, other in ((found.weights, saved.weights), (found.strategy, saved.strategy)):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_another_run_and_another_file_are_refused(saved, tmp_path):
    write_checkpoint(tmp_path / "run", saved, SETTINGS)
    with pytest.raises(FileFormatError, match="run with other settings: config.lr is 0.1 there, 0.2 here"):
        read_checkpoint(tmp_path / "run", SETTINGS | {"config": {"rounds": 3, "lr": 0.2}})
    assert read_checkpoint(tmp_path / "run", SETTINGS | {"config": {"rounds": 9, "lr": 0.1}}).counters == saved.counters
    (tmp_path / "text").write_text("no checkpoint")
    with pytest.raises(FileFormatError, match="text is truncated or not a checkpoint"):
        read_checkpoint(tmp_path / "text", SETTINGS)
