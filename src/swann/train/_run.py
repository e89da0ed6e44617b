"""The state of a training run, and the steps that change it."""

import json
import math
import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from .._errors import FileFormatError, InvalidValueError, SwannError
from ..data import ImageData, Images, augment, batches, draw_crops, read_ahead
from ._checkpoint import check_identity, identity, read_checkpoint, write_checkpoint
from ._config import TrainingConfig
from ._evaluate import cross_entropy, evaluate, floating_type
from ._history import Evaluation, History
from ._interrupt import StopRequest
from ._random import Stream, derive_seed, seed_model

if TYPE_CHECKING:
    from lightning.fabric import Fabric

Progress = Callable[[int, int, float, float], None]
"""Called after each iteration with: iteration, their total, iterations per second, the last loss that is known."""

_LOSSES_READ_TOGETHER = 16
"""On an accelerator, reading a loss waits for the step to end: that is done for so many iterations at once."""

_PROGRESS = ("iteration", "loss_sum", "loss_count", "learning_rate", "training_seconds", "elapsed_seconds")


class TrainingDivergedError(SwannError, ArithmeticError):
    """The training or test loss is no longer a finite number.

    Args:
        message: one line.
        history: the evaluations before.
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


class Run:
    """Everything that changes during training; between two of its methods it is whole and may be saved."""

    def __init__(
        self,
        model: nn.Module,
        data: ImageData,
        config: TrainingConfig,
        fabric: "Fabric",
        checkpoint: Path | None,
        on_progress: Progress | None,
        on_evaluation: Callable[[History], None] | None = None,
    ) -> None:
        trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
        if not trainable:
            raise InvalidValueError("model: it has no weight to train")
        config.check_processes(fabric.world_size)
        self.model = model
        self.data = data
        self.config = config
        self.fabric = fabric
        self.checkpoint = checkpoint
        self.on_progress = on_progress
        self.on_evaluation = on_evaluation
        images = len(data.train_images)
        self.per_epoch = config.iterations_per_epoch(images)
        self.total = config.total_iterations(images)

        plain_optimizer = config.optimizer.build(trainable)
        self.schedule = config.schedule.build(plain_optimizer, self.total)
        trained = cast(nn.Module, torch.compile(model)) if config.compile else model
        self.wrapped, self.optimizer = fabric.setup(trained, plain_optimizer)
        self.type = floating_type(model)

        self.iteration = 0
        self.evaluations: list[Evaluation] = []
        self.loss_sum = 0.0
        self.loss_count = 0
        self.last_loss = float("nan")
        self.learning_rate = 0.0
        self.training_seconds = 0.0
        self.elapsed_before = 0.0
        self.started = time.perf_counter()
        self.first_iteration = 0
        self.first_training_seconds = 0.0
        self._unread: list[Tensor] = []
        self._saved: tuple[int, int] | None = None

    @property
    def elapsed_seconds(self) -> float:
        return self.elapsed_before + time.perf_counter() - self.started

    def batches(self, done: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this process's share of the batches after the first `done` iterations."""
        return read_ahead(self._shares(done))

    def _shares(self, done: int) -> Iterator[tuple[Images, Tensor, Tensor | None]]:
        """Yield images, labels, and of images in files the squares to cut out, the same for any number of processes."""
        crop = self.config.augment.crop if self.data.streamed else None
        for iteration, (images, labels) in enumerate(self._whole_batches(done), start=done + 1):
            share = self._share(len(labels))
            crops = None
            if crop is not None:
                generator = self._generator(Stream.CROP, iteration)
                crops = draw_crops(len(labels), generator, crop)[share]
            yield images[share], labels[share], crops

    def _whole_batches(self, done: int) -> Iterator[tuple[Images, Tensor]]:
        """Yield the batches; each epoch has an order of its own."""
        epoch, skip = divmod(done, self.per_epoch)
        for number in count(epoch):
            of_epoch = batches(
                self.data.train_images,
                self.data.train_labels,
                self.config.batch_size,
                seed=self.config.seed,
                epoch=number,
                drop_last=True,
            )
            yield from islice(of_epoch, skip, None)
            skip = 0

    def step(self, source: Iterator[tuple[Tensor, Tensor]]) -> None:
        """Train on the next batch of `source`."""
        start = time.perf_counter()
        batch = next(source)
        self.iteration += 1
        images, labels = self._prepare(*batch)
        rank = self.fabric.global_rank
        seed_model(derive_seed(self.config.seed, Stream.MODEL, self.iteration, rank), self.fabric.device)
        self.learning_rate = float(self.optimizer.param_groups[0]["lr"])
        self.optimizer.zero_grad()
        loss = self._backward(images, labels)
        self.optimizer.step()
        if self.schedule is not None and not isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step()
        self._unread.append(loss)
        if self.fabric.device.type == "cpu" or len(self._unread) == _LOSSES_READ_TOGETHER:
            self.read_losses()
        self.training_seconds += time.perf_counter() - start
        if self.on_progress is not None and self.fabric.is_global_zero:
            seconds = self.training_seconds - self.first_training_seconds
            speed = (self.iteration - self.first_iteration) / max(seconds, 1e-9)
            self.on_progress(self.iteration, self.total, speed, self.last_loss)

    def _prepare(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Augment this process's share of a batch, by numbers drawn for the whole, and bring it to the device."""
        images = images.to(self.fabric.device, non_blocking=True)
        settings = self.config.augment
        images = augment(
            images,
            self._generator(Stream.AUGMENT, self.iteration),
            mirror=settings.mirror,
            shift=settings.shift,
            rotation=settings.rotation,
            crop=None if self.data.streamed else settings.crop,  # or it was cut out when it was decoded
            first=self._share(self.config.batch_size).start,
            total=self.config.batch_size,
        )
        return self.data.normalise(images).to(self.type), labels.to(self.fabric.device, non_blocking=True)

    def _share(self, count: int) -> slice:
        """Return this process's part of a batch of `count` images."""
        size = count // self.fabric.world_size
        return slice(self.fabric.global_rank * size, (self.fabric.global_rank + 1) * size)

    def _generator(self, stream: Stream, iteration: int) -> torch.Generator:
        return torch.Generator().manual_seed(derive_seed(self.config.seed, stream, iteration))

    def _backward(self, images: Tensor, labels: Tensor) -> Tensor:
        """Add the gradients of a share of the batch, part by part, and return its mean loss."""
        n_parts = self.config.accumulate
        mean = torch.zeros((), device=self.fabric.device)
        parts = zip(images.chunk(n_parts), labels.chunk(n_parts), strict=True)
        for number, (part, expected) in enumerate(parts, start=1):
            with self.fabric.no_backward_sync(self.wrapped, enabled=number < n_parts):
                loss = cross_entropy(self.wrapped(part), expected) / n_parts
                self.fabric.backward(loss)
            mean = mean + loss.detach()
        return mean

    def read_losses(self) -> None:
        """Add the losses of the last iterations to the mean; the first that is not finite is an error."""
        if not self._unread:
            return
        losses = torch.stack(self._unread).float()
        self._unread.clear()
        if self.fabric.world_size > 1:
            torch.distributed.all_reduce(losses)
            losses /= self.fabric.world_size
        values = losses.tolist()
        for iteration, value in enumerate(values, self.iteration - len(values) + 1):
            if not math.isfinite(value):
                raise TrainingDivergedError(
                    f"iteration {iteration} of {self.total}: the training loss is {value}; try a lower learning rate "
                    f"(now {self.learning_rate:g}), precision '32-true' (now '{self.config.precision}'), or look for "
                    f"values in the model that grow without bound",
                    self.history(diverged=True),
                )
            self.loss_sum += value
            self.loss_count += 1
        self.last_loss = values[-1]

    def evaluation_is_due(self) -> bool:
        """Whether this iteration is to be evaluated and was not yet."""
        if self.iteration == 0 or (self.evaluations and self.evaluations[-1].iteration == self.iteration):
            return False
        every = self.config.evaluate_every or self.per_epoch
        return self.iteration % every == 0 or self.iteration == self.total

    def evaluate(self, stop: StopRequest) -> bool:
        """Record an evaluation and move a plateau schedule; False if Ctrl-C came before it was done."""
        start = time.perf_counter()
        self.read_losses()
        self.training_seconds += time.perf_counter() - start
        alone = self.fabric.world_size == 1  # several processes must agree, which they do between two iterations
        size = self.config.batch_size // self.config.accumulate
        least = None if self.config.accumulate == 1 else size  # memory is short: no more than in training
        found = evaluate(self.fabric, self.model, self.data, size, lambda: alone and stop.requested, least=least)
        if found is None:
            return False
        error, loss = found
        if not math.isfinite(loss):
            raise TrainingDivergedError(
                f"iteration {self.iteration} of {self.total}: the training loss is finite but the test loss is {loss}; "
                f"try a lower learning rate (now {self.learning_rate:g})",
                self.history(diverged=True),
            )
        evaluation = Evaluation(
            iteration=self.iteration,
            epoch=self.iteration / self.per_epoch,
            training_seconds=self.training_seconds,
            elapsed_seconds=self.elapsed_seconds,
            test_error=error,
            test_loss=loss,
            train_loss=self.loss_sum / self.loss_count,
            learning_rate=self.learning_rate,
        )
        self.evaluations.append(evaluation)
        self.loss_sum, self.loss_count = 0.0, 0
        if isinstance(self.schedule, ReduceLROnPlateau):
            self.schedule.step(getattr(evaluation, self.config.schedule.monitor))
        if self.on_evaluation is not None and self.fabric.is_global_zero:
            self.on_evaluation(self.history())
        return True

    def is_finished(self) -> bool:
        """Whether the last iteration, or the target error, is reached and recorded."""
        if not self.evaluations or self.evaluations[-1].iteration != self.iteration:
            return False
        target = self.config.target_error
        return self.iteration >= self.total or (target is not None and self.evaluations[-1].test_error <= target)

    def agree(self, stop: bool) -> bool:
        """Whether any process was told to stop: then all do, after the same iteration."""
        if self.fabric.world_size == 1:
            return stop
        return bool(self.fabric.strategy.reduce_boolean_decision(stop, all=False))

    def save_if_due(self, after_evaluation: bool = False) -> None:
        """Write the checkpoint if this is the place for one."""
        every = self.config.checkpoint_every
        if after_evaluation if every is None else self.iteration % every == 0:
            self.save()

    def save(self) -> None:
        """Write the checkpoint, unless this state is already in it."""
        self.read_losses()
        state = (self.iteration, len(self.evaluations))
        if self.checkpoint is None or self._saved == state:
            return
        contents = {
            "identity": identity(self.config, self.model, self.data),
            "model": self.wrapped,
            "optimizer": self.optimizer,
            "schedule": {} if self.schedule is None else self.schedule.state_dict(),
            "precision": self.fabric.strategy.precision.state_dict(),
            "progress": {name: getattr(self, name) for name in _PROGRESS},
            "history": json.dumps(self.history().to_dict()),
        }
        write_checkpoint(self.fabric, self.checkpoint, contents)
        self._saved = state

    def restore(self, path: Path) -> None:
        """Go back to the state that `save` wrote to `path`.

        Raises:
            FileFormatError: the file is damaged or of another run.
        """
        saved = read_checkpoint(path)
        try:
            check_identity(path, saved["identity"], identity(self.config, self.model, self.data))
            history = History.from_json(saved["history"])
            progress = {name: saved["progress"][name] for name in _PROGRESS}
            self.optimizer.load_state_dict(saved["optimizer"])
            if self.schedule is not None:
                self.schedule.load_state_dict(saved["schedule"])
            self.fabric.strategy.precision.load_state_dict(saved["precision"])
            self.model.load_state_dict(saved["model"])
        except FileFormatError:
            raise
        except (KeyError, TypeError, AttributeError, RuntimeError, ValueError) as error:
            raise FileFormatError(
                f"{path}: not a complete checkpoint ({error!r}); start anew without resume"
            ) from error
        self.elapsed_before = progress.pop("elapsed_seconds")
        for name, value in progress.items():
            setattr(self, name, value)
        self.evaluations = list(history.evaluations)
        self.first_iteration, self.first_training_seconds = self.iteration, self.training_seconds
        self._saved = (self.iteration, len(self.evaluations))

    def history(self, *, interrupted: bool = False, diverged: bool = False) -> History:
        """Return what was recorded so far."""
        return History(tuple(self.evaluations), self.config.seed, interrupted, diverged)
