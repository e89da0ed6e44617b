"""Kill -9 at any moment costs at most the steps since the last checkpoint, and changes nothing of the result."""

import random
import secrets
import subprocess
import sys
import time

import torch

from swann.train import TrainingConfig, fit

_WORKER = """
import os, signal, sys
import torch
torch.set_num_threads(1)
from swann.data import ImageData
from swann.train import TrainingConfig, fit

folder = sys.argv[1]
data = ImageData.from_tensors("tiny", ("dark", "bright"), *torch.load(f"{folder}/data.pt"))
config = TrainingConfig.from_json(open(f"{folder}/config.json").read())
model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2))
model.load_state_dict(torch.load(f"{folder}/model.pt"))

def tell(iteration, *_):
    os.write(1, f"{iteration}\\n".encode())

def die_in_the_middle(fabric, path, state):
    global left
    save(fabric, path, state)
    left -= 1
    if left == 0:
        os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)

if len(sys.argv) > 2:
    from lightning.fabric import Fabric
    left, save, Fabric.save = int(sys.argv[2]), Fabric.save, die_in_the_middle

checkpoint = f"{folder}/killed.ckpt"
history = fit(model, data, config, checkpoint=checkpoint, resume=os.path.exists(checkpoint), on_progress=tell)
torch.save(model.state_dict(), f"{folder}/killed.pt")
evaluations = [(at.iteration, at.test_error, at.test_loss) for at in history.evaluations]
open(f"{folder}/killed.txt", "w").write(repr(evaluations))
"""
_INTERVAL, _ITERATIONS = 10, 100


def _start(folder, *arguments):
    command = [sys.executable, "-c", _WORKER, str(folder), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_run_killed_at_random_moments_ends_bit_identical(data, make_config, tmp_path):
    config: TrainingConfig = make_config(iterations=_ITERATIONS, checkpoint_every=_INTERVAL, evaluate_every=40)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.Dropout(), torch.nn.Linear(8, 2))
    torch.save(model.state_dict(), tmp_path / "model.pt")
    torch.save((data.train_images, data.train_labels, data.test_images, data.test_labels), tmp_path / "data.pt")
    (tmp_path / "config.json").write_text(config.to_json())
    expected = fit(model, data, config)
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    done = 0
    for stop_after in (chance.randint(1, 30), chance.randint(45, 75)):
        reached = []
        with _start(tmp_path) as process:
            assert process.stdout is not None
            for line in process.stdout:
                reached.append(int(line))
                if reached[-1] >= stop_after:
                    time.sleep(chance.uniform(0, 0.02))
                    process.kill()
                    reached += [int(rest) for rest in process.stdout if rest.endswith("\n")]
                    break
        assert process.returncode == -9
        assert done - _INTERVAL < reached[0] <= done + 1
        done = reached[-1]
    before = (tmp_path / "killed.ckpt").read_bytes()
    with _start(tmp_path, "1") as process:  # while it writes the next checkpoint
        reached = [int(line) for line in process.communicate()[0].split()]
    assert process.returncode == -9
    assert (tmp_path / "killed.ckpt").read_bytes() == before
    assert list(tmp_path.glob(".killed.ckpt.*.tmp"))
    if reached:  # one that was killed during an evaluation begins with that, and then saves it
        assert done - _INTERVAL < reached[0] <= done + 1
        done = reached[-1]
        assert done % _INTERVAL == 0
    with _start(tmp_path) as process:
        reached = [int(line) for line in process.communicate()[0].split()]
    assert process.returncode == 0
    assert done - _INTERVAL < reached[0] <= done + 1
    assert reached[-1] == _ITERATIONS
    evaluations = [(at.iteration, at.test_error, at.test_loss) for at in expected.evaluations]
    assert (tmp_path / "killed.txt").read_text() == repr(evaluations)
    weights = torch.load(tmp_path / "killed.pt")
    for name, tensor in model.state_dict().items():
        assert torch.equal(weights[name], tensor), name
