from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from swann.data import ImageData
from swann.train import Evaluation, History, OptimizerConfig, TrainingConfig


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Tensors this small are slower on several threads, much slower when the cores have other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def data() -> ImageData:
    """70 training and 30 test images of 4×4 pixels in two classes: dark and bright."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (100, 1, 4, 4), generator=generator, dtype=torch.uint8)
    labels = (images.float().mean(dim=(1, 2, 3)) > 127).long()
    return ImageData.from_tensors("tiny", ("dark", "bright"), images[:70], labels[:70], images[70:], labels[70:])


@pytest.fixture
def make_model() -> Callable[..., nn.Module]:
    """Makes the same network at every call: batch norm and dropout in it, unless told otherwise."""

    def make(dropout: float = 0.5, norm: bool = True) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(3)
            return nn.Sequential(
                nn.Flatten(),
                nn.Linear(16, 8),
                nn.BatchNorm1d(8) if norm else nn.Identity(),
                nn.ReLU(),
                nn.Dropout(dropout),
                nn.Linear(8, 2),
            )

    return make


@pytest.fixture
def make_config() -> Callable[..., TrainingConfig]:
    """12 iterations, 4 an epoch, on the CPU, by SGD with momentum; anything can be given."""

    def make(**changes: object) -> TrainingConfig:
        settings: dict[str, object] = {
            "batch_size": 16,
            "accelerator": "cpu",
            "optimizer": OptimizerConfig("sgd", lr=0.1, momentum=0.9),
        }
        if "iterations" not in changes:
            settings["epochs"] = 3
        return TrainingConfig(**{**settings, **changes})

    return make


@pytest.fixture(scope="session")
def make_history() -> Callable[..., History]:
    """Makes a history from its test errors, one every 100 iterations; an iteration takes `pace` seconds."""

    def make(
        *errors: float, seed: int = 0, pace: float = 0.01, interrupted: bool = False, diverged: bool = False
    ) -> History:
        evaluations = tuple(
            Evaluation(
                iteration=100 * number,
                epoch=float(number),
                training_seconds=100 * number * pace,
                elapsed_seconds=120 * number * pace,
                test_error=error,
                test_loss=error * 3,
                train_loss=error * 2,
                learning_rate=1.0,
            )
            for number, error in enumerate(errors, 1)
        )
        return History(evaluations, seed, interrupted, diverged)

    return make
