"""What a training run recorded."""

import csv
import dataclasses
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .._errors import FileFormatError, InvalidValueError
from ._check import check_integer, check_keys, check_number


@dataclass(frozen=True)
class Evaluation:
    """State of a run at one evaluation.

    Args:
        iteration: steps of the optimizer so far.
        epoch: the same in passes through the training images.
        training_seconds: wall-clock spent in training steps so far, without evaluations and checkpoints.
        elapsed_seconds: wall-clock of everything so far; time between an interruption and the resumption not counted.
        test_error: wrongly classified share of the test images, 0 to 1.
        test_loss: mean cross-entropy over the test images.
        train_loss: mean cross-entropy over the training batches since the last evaluation.
        learning_rate: of the last step.
    """

    iteration: int
    epoch: float
    training_seconds: float
    elapsed_seconds: float
    test_error: float
    test_loss: float
    train_loss: float
    learning_rate: float

    def __post_init__(self) -> None:
        check_integer("iteration", self.iteration, 1)
        check_number("test_error", self.test_error, low=0, high=1)
        for name in ("epoch", "training_seconds", "elapsed_seconds", "learning_rate"):
            check_number(name, getattr(self, name), low=0)
        for name in ("test_loss", "train_loss"):
            check_number(name, getattr(self, name), low=0)


COLUMNS = tuple(field.name for field in dataclasses.fields(Evaluation))


@dataclass(frozen=True)
class History:
    """The evaluations of one training run, in their order.

    Args:
        evaluations: iterations rise.
        seed: of the run.
        interrupted: the run was stopped before its end.
        diverged: the run ended because its loss became infinite or NaN, after the last of the evaluations.

    Raises:
        InvalidValueError: the iterations do not rise.

    >>> point = Evaluation(10, 1.0, 0.5, 0.6, 0.25, 0.9, 1.1, 0.1)
    >>> print(History((point,)).to_csv())
    iteration,epoch,training_seconds,elapsed_seconds,test_error,test_loss,train_loss,learning_rate
    10,1.0,0.5,0.6,0.25,0.9,1.1,0.1
    <BLANKLINE>
    """

    evaluations: tuple[Evaluation, ...]
    seed: int = 0
    interrupted: bool = False
    diverged: bool = False

    def __post_init__(self) -> None:
        iterations = [evaluation.iteration for evaluation in self.evaluations]
        if iterations != sorted(set(iterations)):
            raise InvalidValueError(f"history: iterations must rise, found {iterations}")

    @property
    def best_error(self) -> float:
        """The least test error (a fraction) of the run; NaN if it was never evaluated."""
        return min((evaluation.test_error for evaluation in self.evaluations), default=float("nan"))

    def __str__(self) -> str:
        ending = " (interrupted)" if self.interrupted else " (diverged)" if self.diverged else ""
        if not self.evaluations:
            return f"History: no evaluation yet, seed {self.seed}{ending}"
        last = self.evaluations[-1]
        return (
            f"History: {last.iteration:,} iterations in {last.training_seconds:.1f} s, test error "
            f"{last.test_error:.2%} (best {self.best_error:.2%}), seed {self.seed}{ending}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the history as plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> "History":
        """Make a history from plain values; inverse of `to_dict`.

        Raises:
            FileFormatError: a value is missing, unknown or out of range.
        """
        try:
            arguments = check_keys("history", values, cls)
            evaluations = arguments["evaluations"]
            if not isinstance(evaluations, list | tuple):
                raise InvalidValueError(f"evaluations: expected a list, found {type(evaluations).__name__}")
            arguments["evaluations"] = tuple(
                Evaluation(**check_keys("evaluation", evaluation, Evaluation)) for evaluation in evaluations
            )
            return cls(**arguments)
        except InvalidValueError as error:
            raise FileFormatError(f"not a training history: {error}") from error

    def to_json(self) -> str:
        """Return the history as JSON."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "History":
        """Make a history from JSON; inverse of `to_json`.

        Raises:
            FileFormatError: no JSON, or not of a history.
        """
        try:
            return cls.from_dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise FileFormatError(f"not a training history: not JSON: {error}") from error

    def to_csv(self) -> str:
        """Return one line for each evaluation, with a header."""
        return _csv(COLUMNS, [[getattr(row, name) for name in COLUMNS] for row in self.evaluations])


def curves_to_csv(histories: Mapping[str, Sequence[History]]) -> str:
    """Return the evaluations of all runs as one CSV table: variant, seed, then the columns of `History.to_csv`."""
    rows = [
        [variant, history.seed, *(getattr(evaluation, name) for name in COLUMNS)]
        for variant, runs in histories.items()
        for history in runs
        for evaluation in history.evaluations
    ]
    return _csv(("variant", "seed", *COLUMNS), rows)


def curves_from_csv(text: str) -> dict[str, tuple[History, ...]]:
    """Return the runs of each variant; inverse of `curves_to_csv`, but for which runs were interrupted or diverged.

    Raises:
        FileFormatError: a column is missing or a value is no number or out of range.
    """
    found: dict[str, dict[int, list[Evaluation]]] = {}
    try:
        for row in csv.DictReader(io.StringIO(text)):
            values = {name: float(row[name]) for name in COLUMNS}
            evaluation = Evaluation(**(values | {"iteration": int(row["iteration"])}))  # type: ignore[arg-type]
            found.setdefault(row["variant"], {}).setdefault(int(row["seed"]), []).append(evaluation)
        return {
            variant: tuple(History(tuple(rows), seed) for seed, rows in runs.items()) for variant, runs in found.items()
        }
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"not curves of training runs: {type(error).__name__}: {error}") from error


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return file.getvalue()
