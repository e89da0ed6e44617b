"""Everything that decides a training run, as one printable record."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from .._errors import InvalidValueError
from ._check import as_tuple, check_choice, check_flag, check_integer, check_keys, check_number
from ._optimizer import OptimizerConfig
from ._schedule import ScheduleConfig

_PRECISIONS = ("32-true", "64-true", "bf16-mixed", "bf16-true", "16-mixed")
_ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps")
_STRATEGIES = ("auto", "ddp")


@dataclass(frozen=True)
class AugmentConfig:
    """How training images are changed at random (`swann.data.augment`).

    Args:
        mirror: mirror left to right with probability 1/2.
        shift: largest shift in pixels, in each direction.
        rotation: largest angle in degrees, both ways.
        crop: smallest and largest share of the sides that a random crop keeps.

    Raises:
        InvalidValueError: a value out of range.
    """

    mirror: bool = False
    shift: int = 0
    rotation: float = 0.0
    crop: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        check_flag("augment: mirror", self.mirror)
        check_integer("augment: shift", self.shift, 0)
        check_number("augment: rotation", self.rotation, low=0, high=180)
        if self.crop is not None:
            object.__setattr__(self, "crop", as_tuple("augment: crop", self.crop))
            if len(self.crop) != 2:
                raise InvalidValueError(f"augment: crop: expected two numbers, found {self.crop!r}")
            for share in self.crop:
                check_number("augment: crop", share, above=0, high=1)
            if self.crop[0] > self.crop[1]:
                raise InvalidValueError(f"augment: crop: expected rising numbers, found {self.crop!r}")


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of a training run: with the same settings and seed every model sees the same batches.

    Args:
        epochs: passes through the training images; either this or `iterations`.
        iterations: steps of the optimizer.
        batch_size: images a step, over all devices together. The images left over at the end of an epoch wait
            for the next one, which has another order.
        accumulate: parts in which a device computes its share of a batch, to need less memory; their gradients are
            averaged. Batch norm uses the statistics of each part, over all devices.
        optimizer: Adadelta with learning rate 1 and rho 0.95 (Zeiler 2012) unless given.
        schedule: of the learning rate.
        augment: of the training images.
        evaluate_every: iterations from one evaluation to the next; once an epoch if None. The end is always evaluated.
        checkpoint_every: iterations from one checkpoint to the next; after every evaluation if None.
        target_error: stop at the first evaluation with this test error (a fraction) or less.
        seed: of the order of the images, the augmentation and everything random in the model.
        precision: as in Lightning Fabric: '32-true', 'bf16-mixed', …
        accelerator: 'auto', 'cpu', 'cuda' or 'mps'.
        devices: processes on each machine.
        nodes: machines.
        strategy: 'auto', or 'ddp' for more than one process.
        compile: train through `torch.compile`; evaluations run uncompiled.

    Raises:
        InvalidValueError: a value out of range, or neither or both of `epochs` and `iterations`.

    >>> config = TrainingConfig(epochs=2, batch_size=10)
    >>> config.total_iterations(images=105)
    20
    >>> TrainingConfig.from_json(config.to_json()) == config
    True
    """

    epochs: int | None = None
    iterations: int | None = None
    batch_size: int = 256
    accumulate: int = 1
    optimizer: OptimizerConfig = field(default_factory=lambda: OptimizerConfig("adadelta", lr=1.0, rho=0.95))
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    evaluate_every: int | None = None
    checkpoint_every: int | None = None
    target_error: float | None = None
    seed: int = 0
    precision: str = "32-true"
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    compile: bool = False

    def __post_init__(self) -> None:
        if (self.epochs is None) == (self.iterations is None):
            raise InvalidValueError(
                f"length of training: expected either epochs or iterations, "
                f"found epochs={self.epochs} and iterations={self.iterations}"
            )
        for name in ("epochs", "iterations", "evaluate_every", "checkpoint_every"):
            if getattr(self, name) is not None:
                check_integer(name, getattr(self, name), 1)
        for name in ("batch_size", "accumulate", "devices", "nodes"):
            check_integer(name, getattr(self, name), 1)
        check_integer("seed", self.seed, 0)
        for name, wanted in (("optimizer", OptimizerConfig), ("schedule", ScheduleConfig), ("augment", AugmentConfig)):
            if not isinstance(getattr(self, name), wanted):
                raise InvalidValueError(f"{name}: expected {wanted.__name__}, found {getattr(self, name)!r}")
        if self.target_error is not None:
            check_number("target_error", self.target_error, low=0, high=1)
        check_choice("precision", self.precision, _PRECISIONS)
        check_choice("accelerator", self.accelerator, _ACCELERATORS)
        check_choice("strategy", self.strategy, _STRATEGIES)
        check_flag("compile", self.compile)
        self.check_processes(self.devices * self.nodes)

    def check_processes(self, n_processes: int) -> None:
        """Raise an InvalidValueError unless a batch can be shared by so many processes."""
        if self.batch_size % (n_processes * self.accumulate):
            processes = "process" if n_processes == 1 else f"{n_processes} processes"
            parts = f" with {self.accumulate} parts each" if self.accumulate > 1 else ""
            raise InvalidValueError(
                f"batch_size: expected a multiple of the {processes}{parts}, found {self.batch_size}"
            )

    def iterations_per_epoch(self, images: int) -> int:
        """Return the full batches in an epoch of `images` training images.

        Raises:
            InvalidValueError: there is none.
        """
        if images < self.batch_size:
            raise InvalidValueError(
                f"batch_size: {self.batch_size} is more than the {images} training images; choose {images} or less"
            )
        return images // self.batch_size

    def total_iterations(self, images: int) -> int:
        """Return the length of the run in iterations, for `images` training images."""
        per_epoch = self.iterations_per_epoch(images)
        return self.iterations if self.iterations is not None else (self.epochs or 0) * per_epoch

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> "TrainingConfig":
        """Make the settings from plain values (of JSON or TOML); what is missing keeps its default.

        Raises:
            InvalidValueError: an unknown key or a wrong value.
        """
        arguments = check_keys("training settings", values, cls)
        for name, record in (("optimizer", OptimizerConfig), ("schedule", ScheduleConfig), ("augment", AugmentConfig)):
            if name in arguments:
                arguments[name] = record(**check_keys(name, arguments[name], record))
        return cls(**arguments)

    def to_json(self) -> str:
        """Return the settings as JSON."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "TrainingConfig":
        """Make the settings from JSON; inverse of `to_json`.

        Raises:
            InvalidValueError: no JSON, an unknown key or a wrong value.
        """
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise InvalidValueError(f"training settings: not JSON: {error}") from error
