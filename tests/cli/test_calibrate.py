import json

import pytest
import torch

from swann.nn.costs import _calibrate, costs_here


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(_calibrate, "_CONVOLUTIONS", ((8, 4, 3, 8, 4, 0.5, 16),))
    monkeypatch.setattr(_calibrate, "_LINEAR", ((32, 1, 16, 1.0, 16),))
    yield
    costs_here.cache_clear()


def test_the_costs_are_shown_and_kept(run, tmp_path):
    threads = torch.get_num_threads()
    code, out, err = run("calibrate", "--threads", 1)
    assert code == 0
    assert "sparse: products" in out
    assert "1 thread" in out
    (kept,) = (tmp_path / "cache" / "calibration").glob("*.json")
    assert f"written to {kept}" in err
    assert json.loads(kept.read_text())["threads"] == 1
    assert torch.get_num_threads() == threads


def test_json_alone_is_on_the_output(run):
    code, out, _ = run("calibrate", "--threads", 1, "--json")
    assert code == 0
    assert [costs["threads"] for costs in json.loads(out)] == [1]


def test_more_threads_than_cores_are_refused(refused, monkeypatch):
    monkeypatch.setattr("swann.cli._calibrate.available_cores", lambda: 2)
    line = refused("calibrate", "--threads", 3)
    assert line == "swann: --threads: expected 1 to 2, the cores that may be used, found 3\n"
