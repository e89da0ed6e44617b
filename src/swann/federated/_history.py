"""What a federated run recorded."""

import csv
import dataclasses
import io
import json
from dataclasses import asdict, dataclass
from typing import Any

from .._errors import FileFormatError, InvalidValueError
from ..train import Evaluation, History
from ..train._check import check_keys

_LISTS = ("refused", "surplus")
"""Fields of a round that hold reasons; the CSV counts them."""


@dataclass(frozen=True)
class Round:
    """One round of communication.

    Args:
        number: from 1.
        updates: local updates of a client so far, as the paper counts them: epochs or steps of its optimizer in a
            round, times rounds.
        asked: clients that were sent the weights.
        answered: clients whose answer was averaged.
        refused: the others that answered, each with the reason.
        bytes_down: to the clients: arrays, and the architecture where it was sent.
        bytes_up: from the clients: arrays.
        steps: of all clients' optimizers in this round.
        client_seconds: all clients' training in this round.
        elapsed_seconds: wall-clock of the run so far; time between an interruption and the resumption not counted.
        train_loss: mean over the clients' images; None if no client answered.
        test_error: wrongly classified share of the test images; None if the round was not evaluated.
        test_loss: mean cross-entropy over the test images; None if the round was not evaluated.
        surplus: answers beside the one that each client owes (second, late, from nobody asked), each with the reason.
    """

    number: int
    updates: int
    asked: int
    answered: int
    refused: tuple[str, ...]
    bytes_down: int
    bytes_up: int
    steps: int
    client_seconds: float
    elapsed_seconds: float
    train_loss: float | None = None
    test_error: float | None = None
    test_loss: float | None = None
    surplus: tuple[str, ...] = ()

    @property
    def not_averaged(self) -> tuple[str, ...]:
        """All answers that were left out of the mean, each with the reason."""
        return self.refused + self.surplus

    @property
    def missing(self) -> int:
        """Clients that did not answer in time."""
        return self.asked - self.answered - len(self.refused)


@dataclass(frozen=True)
class FederatedHistory:
    """The rounds of one federated run, in their order.

    Args:
        rounds: their numbers rise by one.
        n_parameters: weights of the network.
        batch_size: of the clients.
        n_images: training images of all clients.
        learning_rate: of the clients.
        seed: of the run.
        interrupted: the run was stopped before its end.
    """

    rounds: tuple[Round, ...]
    n_parameters: int
    batch_size: int
    n_images: int
    learning_rate: float
    seed: int = 0
    interrupted: bool = False

    @property
    def total_bytes(self) -> int:
        """Bytes that travelled, both ways."""
        return sum(each.bytes_down + each.bytes_up for each in self.rounds)

    def curve(self) -> History:
        """Return the evaluated rounds as the history of a training whose iterations are local updates."""
        points, seconds, steps = [], 0.0, 0
        for each in self.rounds:
            seconds += each.client_seconds
            steps += each.steps
            if each.test_error is not None and each.test_loss is not None:
                points.append(
                    Evaluation(
                        iteration=each.updates,
                        epoch=steps * self.batch_size / max(self.n_images, 1),
                        training_seconds=seconds,
                        elapsed_seconds=each.elapsed_seconds,
                        test_error=each.test_error,
                        test_loss=each.test_loss,
                        train_loss=each.train_loss or 0.0,
                        learning_rate=self.learning_rate,
                    )
                )
        return History(tuple(points), self.seed, self.interrupted)

    def __str__(self) -> str:
        if not self.rounds:
            return f"FederatedHistory: no round yet, seed {self.seed}"
        last = self.rounds[-1]
        errors = [each.test_error for each in self.rounds if each.test_error is not None]
        error = f", test error {errors[-1]:.2%} (best {min(errors):.2%})" if errors else ""
        refused = sum(len(each.not_averaged) for each in self.rounds)
        missing = sum(each.missing for each in self.rounds)
        return (
            f"FederatedHistory: {last.number:,} rounds, {last.updates:,} local updates in {last.elapsed_seconds:.1f} s"
            f"{error}, {self.total_bytes / 1e6:,.1f} MB sent, {refused} answers refused, {missing} missing, "
            f"seed {self.seed}{' (interrupted)' if self.interrupted else ''}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the history as plain values."""
        return asdict(self)

    def to_json(self) -> str:
        """Return the history as JSON."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def from_json(cls, text: str) -> "FederatedHistory":
        """Make a history from JSON; inverse of `to_json`.

        Raises:
            FileFormatError: no JSON, or not of a history.
        """
        try:
            values = check_keys("history", json.loads(text), cls)
            rounds = [check_keys("round", each, Round) for each in values["rounds"]]
            for each in rounds:
                each.update({name: tuple(each.get(name, ())) for name in _LISTS})
            values["rounds"] = tuple(Round(**each) for each in rounds)
            return cls(**values)
        except (json.JSONDecodeError, InvalidValueError, TypeError) as error:
            raise FileFormatError(f"not a federated history: {error}") from error

    def to_csv(self) -> str:
        """Return one line for each round, with a header."""
        file = io.StringIO()
        columns = [field.name for field in dataclasses.fields(Round)]
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for each in self.rounds:
            writer.writerow([len(getattr(each, name)) if name in _LISTS else getattr(each, name) for name in columns])
        return file.getvalue()
