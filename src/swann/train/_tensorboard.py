"""Logs that TensorBoard shows."""

import os
import secrets
from dataclasses import asdict

from .._errors import require_extra
from ._history import Evaluation


class TensorBoardLogs:
    """The evaluations of a run as scalars against the iteration, in event files that TensorBoard reads; a context.

    Args:
        folder: for the event files; made if need be. A resumed run goes on in it.

    Raises:
        MissingExtraError: Lightning or tensorboardX is not installed.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        loggers = require_extra("lightning.fabric.loggers", "train")
        require_extra("tensorboardX", "tensorboard")
        unique = f".{secrets.token_hex(4)}"  # two runs within a second would get the same name
        self._logger = loggers.TensorBoardLogger(folder, name="", version="", filename_suffix=unique)

    def __enter__(self) -> "TensorBoardLogs":
        return self

    def __exit__(self, *error: object) -> None:
        self._logger.finalize("success" if error[0] is None else "failed")

    def write(self, evaluation: Evaluation) -> None:
        """Add an evaluation."""
        scalars = asdict(evaluation)
        self._logger.log_metrics(scalars, step=scalars.pop("iteration"))
        self._logger.experiment.flush()
