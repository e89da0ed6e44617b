"""The training loop."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from .._errors import InvalidValueError, OutputError
from ..data import ImageData
from ._config import TrainingConfig
from ._fabric import launch, quiet
from ._history import History
from ._interrupt import StopRequest, stop_on_interrupt
from ._random import random_state_kept
from ._run import Progress, Run
from ._sync_norm import norms_over_processes

if TYPE_CHECKING:
    from lightning.fabric import Fabric


def fit(
    model: nn.Module,
    data: ImageData,
    config: TrainingConfig,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    on_progress: Progress | None = None,
    on_evaluation: Callable[[History], None] | None = None,
    fabric: "Fabric | None" = None,
) -> History:
    """Train `model` in place to classify the images of `data`, and record error and loss on the way.

    The order of the images and their augmentation depend on the seed and the epoch or iteration alone, so every model
    trained with the same settings sees the same batches. The global random state is as before afterwards. Ctrl-C ends
    training after the running step; a second one at once. With several processes the batch is split evenly among
    them, and batch norm uses the statistics of the whole.

    Args:
        model: gives [N, classes] for float32 images [N, C, H, W]; ends on the device and in the mode it came in.
        data: training and test images.
        config: the settings.
        checkpoint: file from which an interrupted run can go on; written at the start, every `checkpoint_every`
            iterations and at the end, whole or not at all.
        resume: go on from `checkpoint`. On a CPU the weights end bit-identical to those of an uninterrupted run.
        on_progress: called after each iteration on the first process with the iteration, the total, iterations per
            second and the last loss.
        on_evaluation: called after each evaluation on the first process with what was recorded so far.
        fabric: from `launch`; launched here if None.

    Returns:
        All evaluations, those before a resumption too.

    Raises:
        InvalidValueError: settings that do not fit the data or the model.
        FileFormatError: `checkpoint` is truncated, not ours, or of another run.
        OutputError: `checkpoint` exists and `resume` is False, or does not and `resume` is True; or cannot be written.
        TrainingDivergedError: the loss is infinite or NaN; it has the history until then.
        MissingExtraError: Lightning is not installed.
    """
    if resume and checkpoint is None:
        raise InvalidValueError("resume: expected the path of a checkpoint to go on from, found none")
    path = None if checkpoint is None else Path(checkpoint)
    fabric = launch(config) if fabric is None else fabric
    _check_path(fabric, path, resume)
    came_from = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    modes = {module: module.training for module in model.modules()}
    with random_state_kept(fabric.device), quiet():
        try:
            run = Run(model, data, config, fabric, path, on_progress, on_evaluation)
            if path is not None and resume:
                run.restore(path)
            run.save()
            with stop_on_interrupt() as stop, norms_over_processes(model, fabric.world_size):
                return _train(run, stop)
        finally:
            model.to(came_from)
            for module, mode in modes.items():
                module.training = mode


def _train(run: "Run", stop: StopRequest) -> History:
    """Evaluate and step by turns until the end."""
    interrupted = False
    source = run.batches(run.iteration)
    run.model.train()
    try:
        while True:
            if run.evaluation_is_due() and run.evaluate(stop):
                run.save_if_due(after_evaluation=True)
            if run.is_finished():
                break
            if run.agree(stop.requested):
                interrupted = True
                break
            run.step(source)
            run.save_if_due()
        run.save()
    except KeyboardInterrupt:
        interrupted = True  # at any point, perhaps in the middle of a step: the last checkpoint stays
    return run.history(interrupted=interrupted)


def _check_path(fabric: "Fabric", path: Path | None, resume: bool) -> None:
    """Look for the checkpoint before any process writes it; what the first one finds counts for all."""
    problem = ""
    if path is not None and fabric.is_global_zero:
        if resume and not path.is_file():
            problem = f"nothing to resume: no checkpoint at {path}; start without resume"
        elif not resume and path.exists():
            problem = f"{path} exists: resume that run, or remove the file to start anew"
    problem = fabric.broadcast(problem)
    if problem:
        raise OutputError(problem)
