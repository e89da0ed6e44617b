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
    network, example = open_model("swann:convnet_c", **usual | {"channels": 1, "image_size": 64, "classes": 7})
    assert network(example.expand(2, -1, -1, -1)).shape == (2, 7)


def test_images_that_are_no_squares_are_refused():
    images = torch.zeros(4, 1, 8, 6, dtype=torch.uint8)
    labels = torch.tensor([0, 1, 0, 1])
    data = ImageData.from_tensors("strips", ("a", "b"), images, labels, images, labels)
    with pytest.raises(InvalidValueError, match=r"strips: images are 8×6; give --image-size"):
        Task(data, "swann:mnist5", 1.0).create(0)
