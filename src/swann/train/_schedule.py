"""How the learning rate changes during training."""

from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import ExponentialLR, LRScheduler, MultiStepLR, ReduceLROnPlateau

from .._errors import InvalidValueError
from ._check import as_tuple, check_choice, check_integer, check_number

_NAMES = ("none", "plateau", "step", "exponential")
_MONITORS = ("train_loss", "test_loss", "test_error")


@dataclass(frozen=True)
class ScheduleConfig:
    """A rule that multiplies the learning rate by `factor`.

    Args:
        name: 'none'; 'plateau': when `monitor` has not improved; 'step': at each milestone;
            'exponential': after every iteration.
        factor: above 0, at most 1.
        patience: evaluations without improvement that are let pass; plateau.
        monitor: 'train_loss', 'test_loss' or 'test_error'; plateau. The training loss is the default, so that the
            test images decide nothing.
        milestones: iterations (whole numbers) or fractions of the run (between 0 and 1), rising; step.

    Raises:
        InvalidValueError: an unknown name, a value out of range, or milestones where there are none.

    >>> ScheduleConfig("step", factor=0.1, milestones=(0.5, 0.75)).milestone_iterations(19_200)
    [9600, 14400]
    """

    name: str = "none"
    factor: float = 0.5
    patience: int = 5
    monitor: str = "train_loss"
    milestones: tuple[int | float, ...] = ()

    def __post_init__(self) -> None:
        check_choice("schedule", self.name, _NAMES)
        check_number("schedule: factor", self.factor, above=0, high=1)
        check_integer("schedule: patience", self.patience, 0)
        check_choice("schedule: monitor", self.monitor, _MONITORS)
        object.__setattr__(self, "milestones", as_tuple("schedule: milestones", self.milestones))
        if (self.name == "step") != bool(self.milestones):
            raise InvalidValueError(
                f"schedule: milestones belong to 'step' and 'step' needs one at least, "
                f"found {self.milestones!r} with {self.name!r}"
            )
        for milestone in self.milestones:
            whole = isinstance(milestone, int) and not isinstance(milestone, bool) and milestone >= 1
            if not whole and not (isinstance(milestone, float) and 0 < milestone < 1):
                raise InvalidValueError(
                    f"schedule: milestones: expected iterations (1, 2, …) or fractions of the run between 0 and 1, "
                    f"found {milestone!r}"
                )

    def milestone_iterations(self, total: int) -> list[int]:
        """Return the milestones in iterations, for a run of `total` iterations.

        Raises:
            InvalidValueError: they do not rise.
        """
        found = [round(step * total) if isinstance(step, float) else step for step in self.milestones]
        if found != sorted(set(found)):
            raise InvalidValueError(f"schedule: milestones must rise, found iterations {found} of {total}")
        return found

    def build(self, optimizer: Optimizer, total: int) -> LRScheduler | ReduceLROnPlateau | None:
        """Make the scheduler of `optimizer` for a run of `total` iterations; None if the rate stays as it is."""
        if self.name == "plateau":
            return ReduceLROnPlateau(optimizer, factor=self.factor, patience=self.patience)
        if self.name == "step":
            return MultiStepLR(optimizer, self.milestone_iterations(total), self.factor)
        if self.name == "exponential":
            return ExponentialLR(optimizer, self.factor)
        return None
