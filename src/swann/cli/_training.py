"""What `train`, `compare` and `demo` have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
import typer

from .._errors import InvalidValueError, SwannError
from ..experiments import RunDirectory
from ..train import OptimizerConfig, TrainingConfig, launch
from ._console import console, note, notes
from ._lazy import INTERRUPTED

if TYPE_CHECKING:
    from lightning.fabric import Fabric

_LEARNING_RATES = {"adadelta": 1.0, "sgd": 0.01}
_BATCH = 256
SMALL_BATCH = 32
"""Images a step where there are not as many as usual."""


def training_config(
    *,
    epochs: int,
    batch_size: int | None,
    optimizer: str,
    lr: float | None,
    evaluate_every: int | None,
    threads: int | None = None,
    precision: str = "32-true",
    accelerator: str = "auto",
    devices: int = 1,
    seed: int = 0,
    accumulate: int = 1,
    target_error: float | None = None,
    compile: bool = False,
) -> TrainingConfig:
    """Set the number of threads and return the settings that the options name; see `fitting` for the batch.

    SGD has Nesterov's momentum of 0.9, Adadelta a rho of 0.95.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    extra: dict[str, Any] = {"sgd": {"momentum": 0.9, "nesterov": True}, "adadelta": {"rho": 0.95}}.get(optimizer, {})
    rate = _LEARNING_RATES.get(optimizer, 0.001) if lr is None else lr
    return TrainingConfig(
        epochs=epochs,
        batch_size=batch_size or _BATCH,
        optimizer=OptimizerConfig(optimizer, lr=rate, **extra),
        evaluate_every=evaluate_every,
        precision=precision,
        accelerator=accelerator,
        devices=devices,
        strategy="auto" if devices == 1 else "ddp",
        seed=seed,
        accumulate=accumulate,
        target_error=target_error,
        compile=compile,
    )


def fitting(config: TrainingConfig, batch_size: int | None, images: int) -> TrainingConfig:
    """Return the settings with a batch that `images` training images fill, unless the option names one."""
    if batch_size is not None or config.batch_size <= images:
        return config
    parts = config.devices * config.nodes * config.accumulate
    chosen = min(SMALL_BATCH, images) // parts * parts
    return replace(config, batch_size=chosen) if chosen else config


def check_batches(config: TrainingConfig, batch_size: int | None, images: int, usual: int = _BATCH) -> None:
    """Say which batch `fitting` chose, or raise an `InvalidValueError` where not one is filled."""
    config.total_iterations(images)
    if batch_size is None and images < usual:
        note(f"batches of {config.batch_size}, as there are {images:,} training images; see --batch-size")


def start(config: TrainingConfig) -> "Fabric":
    """Start the processes that the settings ask for; all but the first keep quiet.

    Raises:
        InvalidValueError: the machine has no such accelerator, or not as many of them.
        MissingExtraError: Lightning is not installed.
    """
    try:
        fabric = launch(config)
    except SwannError:
        raise
    except Exception as error:
        raise InvalidValueError(
            f"cannot train with --accelerator {config.accelerator} --devices {config.devices} "
            f"--precision {config.precision}: {error}"
        ) from error
    if not fabric.is_global_zero:
        console.quiet = notes.quiet = True
    return fabric


@contextmanager
def resumable(directory: RunDirectory) -> Iterator[RunDirectory]:
    """Turn Ctrl-C in the block into a line that says how to go on, and exit code 130.

    A directory in which nothing was written yet is removed after an error.
    """
    try:
        with directory:
            yield directory
    except KeyboardInterrupt:
        kept = "what was done is kept, go on with the same command and --resume"
        note(f"swann: stopped; {kept if directory.path.exists() else 'nothing was done yet'}")
        raise typer.Exit(INTERRUPTED) from None
