import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import InvalidValueError
from swann.train import AugmentConfig, OptimizerConfig, ScheduleConfig, TrainingConfig

_FULL = TrainingConfig(
    iterations=30,
    batch_size=8,
    optimizer=OptimizerConfig("adam", lr=0.01, betas=(0.9, 0.99)),
    schedule=ScheduleConfig("step", factor=0.1, milestones=(0.5, 0.75)),
    augment=AugmentConfig(mirror=True, shift=4, rotation=5.0),
    target_error=0.1,
    precision="bf16-mixed",
)


@pytest.mark.parametrize("config", [_FULL, TrainingConfig(epochs=1)])
def test_json_both_ways(config):
    assert TrainingConfig.from_json(config.to_json()) == config


def test_from_dict_keeps_defaults_of_what_is_missing():
    config = TrainingConfig.from_dict({"epochs": 2, "optimizer": {"name": "sgd", "lr": 0.5}})
    assert config == TrainingConfig(epochs=2, optimizer=OptimizerConfig("sgd", lr=0.5))


def test_the_default_optimizer_is_that_of_the_paper():
    assert TrainingConfig(epochs=1).optimizer == OptimizerConfig("adadelta", lr=1.0, rho=0.95)


@given(images=st.integers(1, 500), batch=st.integers(1, 50), epochs=st.integers(1, 5))
def test_iterations_count_full_batches(images, batch, epochs):
    config = TrainingConfig(epochs=epochs, batch_size=batch)
    if images < batch:
        with pytest.raises(InvalidValueError, match=f"^batch_size: {batch} is more than the {images} training images"):
            config.total_iterations(images)
    else:
        used = config.total_iterations(images) * batch / epochs
        assert images - batch < used <= images


def test_iterations_given_outright():
    assert TrainingConfig(iterations=7, batch_size=2).total_iterations(10) == 7


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "^length of training: expected either epochs or iterations, found epochs=None and iterations=None$"),
        ({"epochs": 1, "iterations": 1}, "^length of training: .* found epochs=1 and iterations=1$"),
        ({"epochs": 0}, "^epochs: expected a whole number, 1 or more, found 0$"),
        ({"epochs": 1, "evaluate_every": 0}, "^evaluate_every: expected a whole number, 1 or more, found 0$"),
        ({"epochs": 1, "batch_size": 2.5}, "^batch_size: expected a whole number, 1 or more, found 2.5$"),
        ({"epochs": 1, "seed": -1}, "^seed: expected a whole number, 0 or more, found -1$"),
        ({"epochs": 1, "target_error": 1.5}, "^target_error: expected a number 0 or more, 1 at most, found 1.5$"),
        ({"epochs": 1, "precision": "bf16"}, "^precision: 'bf16' is not known; did you mean 'bf16-"),
        ({"epochs": 1, "accelerator": "tpu"}, "^accelerator: 'tpu' is not known; "),
        ({"epochs": 1, "strategy": "fsdp"}, "^strategy: 'fsdp' is not known; "),
        ({"epochs": 1, "devices": 3}, "^batch_size: expected a multiple of the 3 processes, found 256$"),
        (
            {"epochs": 1, "accumulate": 3},
            "^batch_size: expected a multiple of the process with 3 parts each, found 256$",
        ),
        ({"epochs": 1, "accumulate": 0}, "^accumulate: expected a whole number, 1 or more, found 0$"),
        ({"epochs": 1, "compile": "yes"}, "^compile: expected true or false, found 'yes'$"),
        ({"epochs": 1, "epoch": 1}, "^training settings: no setting is called 'epoch'; did you mean 'epochs'"),
        ({"epochs": 1, "optimizer": "sgd"}, "^optimizer: expected a table of settings, found str$"),
        ({"epochs": 1, "augment": {"shift": 1.5}}, "^augment: shift: expected a whole number, 0 or more, found 1.5$"),
        ({"epochs": 1, "augment": {"mirror": 1}}, "^augment: mirror: expected true or false, found 1$"),
        ({"epochs": 1, "augment": {"rotation": 181}}, "^augment: rotation: expected a number 0 or more, 180 at most"),
    ],
)
def test_refuses_wrong_settings(settings, message):
    with pytest.raises(InvalidValueError, match=message):
        TrainingConfig.from_dict(settings)


def test_refuses_a_name_where_a_record_belongs():
    with pytest.raises(InvalidValueError, match="^optimizer: expected OptimizerConfig, found 'sgd'$"):
        TrainingConfig(epochs=1, optimizer="sgd")  # type: ignore[arg-type]


def test_refuses_text_that_is_not_json():
    with pytest.raises(InvalidValueError, match="^training settings: not JSON: "):
        TrainingConfig.from_json("{")
