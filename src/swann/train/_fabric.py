"""Starting Lightning Fabric: devices, precision and processes are its work."""

import atexit
import contextlib
import logging
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from .._errors import InvalidValueError, require_extra
from ._config import TrainingConfig

if TYPE_CHECKING:
    from lightning.fabric import Fabric


def launch(config: TrainingConfig) -> "Fabric":
    """Start the processes that `config` asks for and return the Fabric that `fit` trains on.

    A program that calls `fit` more than once with several devices launches once and hands the result to every call.
    Under torchrun the processes are those that it started, on one machine or several.

    Raises:
        InvalidValueError: `config` asks for more than one device, and torchrun started another number of processes.
        MissingExtraError: Lightning is not installed.
    """
    lightning = require_extra("lightning.fabric", "train")
    devices, nodes, strategy = _placement(config)
    with quiet():
        fabric: Fabric = lightning.Fabric(
            accelerator=config.accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=config.precision,
        )
        fabric.launch()
        if fabric.world_size > 1:
            atexit.register(_leave_group)
    return fabric


def _leave_group() -> None:
    """End what joins this process with others: its threads, if left to the exit, abort the process now and then."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _placement(config: TrainingConfig) -> tuple[int, int, str]:
    """Return processes on each machine, machines and strategy: torchrun's if it started this process."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return config.devices, config.nodes, config.strategy
    devices = int(os.environ["LOCAL_WORLD_SIZE"])
    nodes = int(os.environ["WORLD_SIZE"]) // devices
    if config.devices not in (1, devices):
        raise InvalidValueError(f"devices: torchrun started {devices} on this machine, found {config.devices}")
    return devices, nodes, config.strategy if devices * nodes == 1 else "ddp"


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep Lightning from printing what it informs about; warnings still come through."""
    loggers = [logging.getLogger(name) for name in ("lightning", "lightning.fabric", "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
