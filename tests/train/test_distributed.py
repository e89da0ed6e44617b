"""Two processes, started by torchrun and talking over gloo, against one process with the same batch."""

import os
import subprocess
import sys

import pytest
import torch

from swann.train import AugmentConfig, History, ScheduleConfig, fit

_WORKER = """
import json, os, signal, sys
import torch
torch.set_num_threads(1)
from swann.data import ImageData
from swann.train import TrainingConfig, fit, launch

folder = sys.argv[1]
data = ImageData.from_tensors("tiny", ("dark", "bright"), *torch.load(f"{folder}/data.pt"))
config = TrainingConfig.from_json(open(f"{folder}/config.json").read())
fabric = launch(config)
rank = fabric.global_rank

def train(**arguments):
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Linear(8, 2)
    )
    model.load_state_dict(torch.load(f"{folder}/model.pt"))
    return model, fit(model, data, config, fabric=fabric, **arguments)

def interrupt(iteration, *_):
    if iteration == 6:
        signal.raise_signal(signal.SIGINT)

model, history = train()
assert fabric.world_size == 2
_, first = train(checkpoint=f"{folder}/run", on_progress=interrupt)
assert first.interrupted and [at.iteration for at in first.evaluations] == [4], first
resumed, second = train(checkpoint=f"{folder}/run", resume=True)
assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), resumed.state_dict().values()))
try:
    train(checkpoint=f"{folder}/run")
    raise SystemExit("overwrote a checkpoint")
except OSError:
    pass
torch.save(model.state_dict(), f"{folder}/trained{rank}.pt")
open(f"{folder}/history{rank}.json", "w").write(history.to_json())
"""


def test_two_processes_train_like_one_with_the_same_batch(data, make_config, tmp_path):
    if not torch.distributed.is_available() or not torch.distributed.is_gloo_available():
        pytest.skip("torch was built without gloo")
    model = torch.nn.Sequential(
        *(torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.BatchNorm1d(8)),
        *(torch.nn.ReLU(), torch.nn.Linear(8, 2)),
    )
    torch.save(model.state_dict(), tmp_path / "model.pt")
    torch.save((data.train_images, data.train_labels, data.test_images, data.test_labels), tmp_path / "data.pt")
    settings = {
        "schedule": ScheduleConfig("plateau", patience=0, monitor="test_loss"),
        "augment": AugmentConfig(mirror=True, shift=1),
    }
    config = make_config(**settings)
    (tmp_path / "config.json").write_text(config.to_json())
    (tmp_path / "worker.py").write_text(_WORKER)
    process = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2"),
            *(
                "--rdzv_backend=c10d",
                "--rdzv_endpoint=127.0.0.1:0",
                "--local-addr=127.0.0.1",
                tmp_path / "worker.py",
                tmp_path,
            ),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert process.returncode == 0, process.stderr

    wanted = fit(model, data, make_config(**settings))
    for rank in (0, 1):
        found = torch.load(tmp_path / f"trained{rank}.pt")
        for name, tensor in model.state_dict().items():
            torch.testing.assert_close(found[name], tensor, rtol=1e-5, atol=1e-6)
        history = History.from_json((tmp_path / f"history{rank}.json").read_text())
        for of_two, of_one in zip(history.evaluations, wanted.evaluations, strict=True):
            assert of_two.iteration == of_one.iteration
            assert of_two.test_error == of_one.test_error
            assert of_two.learning_rate == of_one.learning_rate
            assert of_two.test_loss == pytest.approx(of_one.test_loss, rel=1e-5)
            assert of_two.train_loss == pytest.approx(of_one.train_loss, rel=1e-5)
