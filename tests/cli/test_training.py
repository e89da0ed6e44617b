import pytest
import torch

from swann.cli._training import training_config

GIVEN = {"epochs": 1, "batch_size": 8, "lr": None, "evaluate_every": None}


@pytest.mark.parametrize(("optimizer", "lr"), [("adadelta", 1.0), ("sgd", 0.01), ("adam", 0.001), ("adamw", 0.001)])
def test_learning_rates_by_optimizer(optimizer, lr):
    config = training_config(**GIVEN, optimizer=optimizer)
    assert config.optimizer.lr == lr
    assert training_config(**GIVEN | {"lr": 0.5}, optimizer=optimizer).optimizer.lr == 0.5


def test_sgd_has_nesterovs_momentum_and_several_devices_use_ddp():
    config = training_config(**GIVEN, optimizer="sgd", devices=2)
    assert (config.optimizer.momentum, config.optimizer.nesterov, config.strategy) == (0.9, True, "ddp")


def test_threads_are_set_where_asked_for():
    before = torch.get_num_threads()
    try:
        training_config(**GIVEN, optimizer="sgd", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
