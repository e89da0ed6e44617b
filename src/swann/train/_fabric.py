"""Starting Lightning Fabric: devices, precision and processes are its work."""

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .._errors import require_extra
from ._config import TrainingConfig

if TYPE_CHECKING:
    from lightning.fabric import Fabric


def launch(config: TrainingConfig) -> "Fabric":
    """Start the processes that `config` asks for and return the Fabric that `fit` trains on.

    A program that calls `fit` more than once with several devices launches once and hands the result to every call.

    Raises:
        MissingExtraError: Lightning is not installed.
    """
    lightning = require_extra("lightning.fabric", "train")
    with quiet():
        fabric: Fabric = lightning.Fabric(
            accelerator=config.accelerator,
            devices=config.devices,
            num_nodes=config.nodes,
            strategy=config.strategy,
            precision=config.precision,
        )
        fabric.launch()
    return fabric


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
