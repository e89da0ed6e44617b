import torch

from swann.train import launch
from swann.train._evaluate import evaluate
from swann.train._one_process import OneProcess


def test_an_evaluation_is_that_of_fabric(data, make_model, make_config):
    model = make_model()
    assert evaluate(OneProcess(), model, data, 16) == evaluate(launch(make_config()), model, data, 16)
    assert OneProcess().device == torch.device("cpu")
