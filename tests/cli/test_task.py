import sys

import pytest
import torch

from swann import InvalidValueError
from swann.cli._task import Task, open_model, open_task
from swann.data import ImageData


def test_a_task_makes_its_model_for_its_images():
    task = open_task("swann:mnist5", "digits", None)
    assert task.create(0)(task.example().expand(2, -1, -1, -1)).shape == (2, 10)
    held_out = open_task("swann:mnist5", "digits", None, validation=True)
    assert len(held_out.data.train_images) < len(task.data.train_images)


def test_a_model_has_its_usual_inputs_unless_told_otherwise():
    usual = {"channels": None, "image_size": None, "classes": None, "width": 0.25, "seed": 0}
    assert open_model("swann:mnist5", **usual)[1].shape == (1, 1, 28, 28)
    assert open_model("swann:densenet40", **usual)[1].shape == (1, 3, 32, 32)
    network, example = open_model("swann:convnet_c", **usual | {"channels": 1, "image_size": 64, "classes": 7})
    assert network(example.expand(2, -1, -1, -1)).shape == (2, 7)


def test_images_that_are_no_squares_are_refused():
    images = torch.zeros(4, 1, 8, 6, dtype=torch.uint8)
    labels = torch.tensor([0, 1, 0, 1])
    data = ImageData.from_tensors("strips", ("a", "b"), images, labels, images, labels)
    with pytest.raises(InvalidValueError, match=r"strips: images are 8×6; give --image-size"):
        Task(data, "swann:mnist5", 1.0).create(0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "few",
            r"nets_of_a_task:few returns shape \(1, 5\); expected a tensor of shape \(1, 10\) for one image of digits",
        ),
        ("pair", "nets_of_a_task:pair returns a tuple; expected a tensor"),
        ("colour", r"nets_of_a_task:colour cannot read the images of digits \(1×8×8\): RuntimeError: .*--image-size"),
    ],
)
def test_a_model_that_does_not_fit_the_images_is_refused(tmp_path, monkeypatch, name, message):
    (tmp_path / "nets_of_a_task.py").write_text(
        "from torch import nn\n"
        "class Pair(nn.Module):\n"
        "    def forward(self, x): return x, x\n"
        "def few(): return nn.Sequential(nn.Flatten(), nn.Linear(64, 5))\n"
        "def pair(): return Pair()\n"
        "def colour(): return nn.Sequential(nn.Conv2d(3, 10, 8), nn.Flatten())\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidValueError, match=message):
        open_task(f"nets_of_a_task:{name}", "digits", None).create(0)
    assert str(tmp_path) not in sys.path


def test_the_check_leaves_the_model_as_it_was():
    task = open_task("swann:mnist5", "digits", None)
    network, again = task.create(0), task.create(0)
    network.train()[1].eval()
    before = torch.random.get_rng_state()
    task.check(network)
    assert [module.training for module in network] == [True, False] + [True] * (len(network) - 2)
    assert all(map(torch.equal, network.state_dict().values(), again.state_dict().values()))
    assert torch.equal(torch.random.get_rng_state(), before)
