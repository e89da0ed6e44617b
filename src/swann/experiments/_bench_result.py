"""What `bench` measured: seconds of each network in each round, and what follows from them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

import numpy as np

from .._errors import FileFormatError, InvalidValueError

Task = Literal["inference", "training step"]


@dataclass(frozen=True)
class Spread:
    """The quartiles of several values.

    Args:
        lower: a quarter of the values is smaller.
        median: half of them.
        upper: three quarters.
    """

    lower: float
    median: float
    upper: float


def spread(values: Sequence[float]) -> Spread:
    """Return the quartiles of one value or more, between two values in proportion.

    >>> spread([4.0, 1.0, 2.0, 3.0])
    Spread(lower=1.75, median=2.5, upper=3.25)
    """
    if not values:
        raise InvalidValueError("spread: expected one value or more, found none")
    lower, median, upper = np.percentile(values, (25, 50, 75)).tolist()
    return Spread(lower, median, upper)


@dataclass(frozen=True)
class Case:
    """The seconds of one computation, done by each network in turn.

    Args:
        task: what is computed.
        batch: inputs at once.
        threads: CPU threads.
        baselines: by name, the seconds of each round for each form of the dense network.
        twins: the same for each backend of its small-world twin.

    Raises:
        InvalidValueError: there is no baseline, or networks differ in their rounds, or a time is not positive.
    """

    task: Task
    batch: int
    threads: int
    baselines: Mapping[str, tuple[float, ...]]
    twins: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        rounds = {name: len(values) for name, values in self.seconds.items()}
        if not self.baselines:
            raise InvalidValueError(f"{self.label}: there is no baseline")
        if len(set(rounds.values())) > 1:
            raise InvalidValueError(f"{self.label}: expected as many rounds of each network, found {rounds}")
        if any(not values or min(values) <= 0 for values in self.seconds.values()):
            raise InvalidValueError(f"{self.label}: expected seconds above 0 for each network")
        if self.task not in get_args(Task):
            raise InvalidValueError(f"task: expected one of {', '.join(get_args(Task))}, found {self.task!r}")

    @property
    def label(self) -> str:
        """The case in words.

        >>> Case("inference", 32, 1, {"baseline": (0.5,)}, {}).label
        'inference, batch 32, 1 thread'
        """
        return f"{self.task}, batch {self.batch}, {self.threads} thread{'s' if self.threads > 1 else ''}"

    @property
    def seconds(self) -> dict[str, tuple[float, ...]]:
        """The seconds of all networks by name, the baselines first."""
        return {**self.baselines, **self.twins}

    @property
    def rival(self) -> str:
        """The baseline of the smallest median, to which ratios refer."""
        return min(self.baselines, key=lambda name: spread(self.baselines[name]).median)

    def times(self, name: str) -> Spread:
        """Return the quartiles of a network's seconds."""
        return spread(self.seconds[name])

    def ratios(self, name: str) -> Spread:
        """Return the quartiles of a network's seconds over the rival's in the same round."""
        pairs = zip(self.seconds[name], self.seconds[self.rival], strict=True)
        return spread([own / rival for own, rival in pairs])


@dataclass(frozen=True)
class PeakMemory:
    """The most memory that a training step held, with its weights, their gradients and the optimizer's state.

    Args:
        batch: inputs of the step.
        threads: CPU threads.
        baselines: bytes by name, for each form of the dense network.
        twins: the same for each backend of its small-world twin.
    """

    batch: int
    threads: int
    baselines: Mapping[str, int]
    twins: Mapping[str, int]

    @property
    def bytes(self) -> dict[str, int]:
        """The bytes of all networks by name, the baselines first."""
        return {**self.baselines, **self.twins}

    @property
    def rival(self) -> str:
        """The baseline of the least memory, to which ratios refer."""
        return min(self.baselines, key=lambda name: self.baselines[name])

    def ratio(self, name: str) -> float:
        """Return a network's bytes over the rival's."""
        return self.bytes[name] / self.bytes[self.rival]


@dataclass(frozen=True)
class Bench:
    """A small-world twin's speed and memory beside those of the network it comes from; made by `bench`.

    Args:
        name: of the network.
        cases: what was timed.
        memory: of a training step; None where it was not measured.
        multiplications: of the twin's existing edges over those of the dense network.
        left_out: what could not be measured, and why.
    """

    name: str
    cases: tuple[Case, ...]
    memory: PeakMemory | None
    multiplications: float
    left_out: Mapping[str, str]

    def to_json(self) -> str:
        """Return everything as JSON: the samples, and what follows from them."""
        values: dict[str, Any] = asdict(self)
        for case, record in zip(self.cases, values["cases"], strict=True):
            record["rival"] = case.rival
            record["quartiles"] = {name: asdict(case.times(name)) for name in case.seconds}
            record["ratios"] = {name: asdict(case.ratios(name)) for name in case.seconds}
        if self.memory is not None:
            values["memory"]["rival"] = self.memory.rival
            values["memory"]["ratios"] = {name: self.memory.ratio(name) for name in self.memory.bytes}
        return json.dumps(values, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Bench":
        """Make a result from JSON; what follows from the samples is found anew.

        Raises:
            FileFormatError: no JSON, or not of such a result.
        """
        try:
            values = json.loads(text)
            memory = values["memory"]
            return cls(
                name=values["name"],
                cases=tuple(_case(record) for record in values["cases"]),
                memory=None if memory is None else PeakMemory(**_only(PeakMemory, memory)),
                multiplications=values["multiplications"],
                left_out=values["left_out"],
            )
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, InvalidValueError) as error:
            raise FileFormatError(f"not a result of bench: {type(error).__name__}: {error}") from error


def _case(record: dict[str, Any]) -> Case:
    given = _only(Case, record)
    for family in ("baselines", "twins"):
        given[family] = {name: tuple(seconds) for name, seconds in given[family].items()}
    return Case(**given)


def _only(kind: type, record: dict[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in kind.__dataclass_fields__}  # type: ignore[attr-defined]
