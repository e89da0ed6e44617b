"""What `train`, `compare` and `demo` have in common."""

from typing import Any

import torch

from ..train import OptimizerConfig, TrainingConfig

_LEARNING_RATES = {"adadelta": 1.0, "sgd": 0.01}


def training_config(
    *,
    epochs: int,
    batch_size: int,
    optimizer: str,
    lr: float | None,
    evaluate_every: int | None,
    threads: int | None = None,
    precision: str = "32-true",
    accelerator: str = "auto",
    devices: int = 1,
    seed: int = 0,
) -> TrainingConfig:
    """Set the number of threads and return the settings that the options name.

    SGD has Nesterov's momentum of 0.9, Adadelta a rho of 0.95.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    extra: dict[str, Any] = {"sgd": {"momentum": 0.9, "nesterov": True}, "adadelta": {"rho": 0.95}}.get(optimizer, {})
    rate = _LEARNING_RATES.get(optimizer, 0.001) if lr is None else lr
    return TrainingConfig(
        epochs=epochs,
        batch_size=batch_size,
        optimizer=OptimizerConfig(optimizer, lr=rate, **extra),
        evaluate_every=evaluate_every,
        precision=precision,
        accelerator=accelerator,
        devices=devices,
        strategy="auto" if devices == 1 else "ddp",
        seed=seed,
    )
