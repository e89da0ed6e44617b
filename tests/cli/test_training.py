import pytest
import torch

from swann.cli._training import fitting, training_config

GIVEN = {"epochs": 1, "batch_size": 8, "lr": None, "evaluate_every": None}


@pytest.mark.parametrize(("optimizer", "lr"), [("adadelta", 1.0), ("sgd", 0.01), ("adam", 0.001), ("adamw", 0.001)])
def test_learning_rates_by_optimizer(optimizer, lr):
    config = training_config(**GIVEN, optimizer=optimizer)
    assert config.optimizer.lr == lr
    assert training_config(**GIVEN | {"lr": 0.5}, optimizer=optimizer).optimizer.lr == 0.5


def test_sgd_has_nesterovs_momentum_and_several_devices_use_ddp():
    config = training_config(**GIVEN, optimizer="sgd", devices=2)
    assert (config.optimizer.momentum, config.optimizer.nesterov, config.strategy) == (0.9, True, "ddp")


@pytest.mark.parametrize(
    ("images", "options", "batch"),
    [(256, {}, 256), (255, {}, 32), (7, {}, 7), (7, {"accumulate": 2}, 6), (1, {"accumulate": 2}, 256)],
)
def test_the_batch_is_filled_unless_it_is_given(images, options, batch):
    config = training_config(**GIVEN | {"batch_size": None}, optimizer="sgd", **options)
    assert fitting(config, None, images).batch_size == batch
    given = training_config(**GIVEN | {"batch_size": 512}, optimizer="sgd")
    assert fitting(given, 512, images) == given


def test_threads_are_set_where_asked_for():
    before = torch.get_num_threads()
    try:
        training_config(**GIVEN, optimizer="sgd", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
