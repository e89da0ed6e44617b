"""What messages between server and clients hold, and under which names."""

import json
import math
from dataclasses import asdict, dataclass
from functools import lru_cache

from flwr.app import ArrayRecord, ConfigRecord, MetricRecord, RecordDict

from .._errors import FileFormatError, InvalidValueError
from ._compression import Compression
from ._config import LocalTraining
from ._state import Counters

ARRAYS, CONFIG, METRICS, OWN = "arrays", "config", "metrics", "swann"
"""Names of the records; the first three are those of Flower's strategies."""

N_EXAMPLES, TRAIN_LOSS = "num-examples", "train_loss"


@dataclass(frozen=True)
class Order:
    """What the server asks of a client, beside Flower's own records.

    Args:
        digest: of the architecture.
        architecture: its JSON, for a client that has not seen it; else empty.
        local: how to train.
        compression: of the answer.
        counters: whole numbers of the network's state.
        seed: of the run.
    """

    digest: str
    architecture: str
    local: LocalTraining
    compression: Compression
    counters: Counters
    seed: int

    def record(self) -> ConfigRecord:
        """Return it as a record of a message."""
        return ConfigRecord(
            {
                "digest": self.digest,
                "architecture": self.architecture,
                "local": json.dumps(asdict(self.local)),
                "compression": self.compression,
                "counters": json.dumps(self.counters),
                "seed": self.seed,
            }
        )

    @classmethod
    def of(cls, content: RecordDict) -> "Order":
        """Return what a message holds.

        Raises:
            FileFormatError: it holds something else.
        """
        try:
            values = content.config_records[OWN]
            return cls(
                digest=str(values["digest"]),
                architecture=str(values["architecture"]),
                local=_local_training(str(values["local"])),
                compression=values["compression"],  # type: ignore[arg-type]
                counters=json.loads(str(values["counters"])),
                seed=int(values["seed"]),  # type: ignore[arg-type]
            )
        except (KeyError, TypeError, ValueError, InvalidValueError) as error:
            raise FileFormatError(f"not a message of a swann server: {type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class Answer:
    """What a client sends back.

    Args:
        arrays: the weights or their change.
        digest: of the architecture that the client trained.
        scales: of the arrays, for 8 bits.
        counters: whole numbers of the network's state.
        n_examples: the client's images.
        train_loss: mean over its batches.
        steps: of its optimizer.
        seconds: of its training.
    """

    arrays: ArrayRecord
    digest: str
    scales: list[float]
    counters: Counters
    n_examples: int
    train_loss: float
    steps: int
    seconds: float

    def content(self) -> RecordDict:
        """Return it as the content of a message."""
        own = ConfigRecord(
            {
                "digest": self.digest,
                "scales": self.scales,
                "counters": json.dumps(self.counters),
                "steps": self.steps,
                "seconds": self.seconds,
            }
        )
        metrics = MetricRecord({N_EXAMPLES: self.n_examples, TRAIN_LOSS: self.train_loss})
        return RecordDict({ARRAYS: self.arrays, METRICS: metrics, OWN: own})

    @classmethod
    def of(cls, content: RecordDict) -> "Answer":
        """Return what a message holds.

        Raises:
            FileFormatError: it holds something else.
        """
        try:
            values, metrics = content.config_records[OWN], content.metric_records[METRICS]
            counters = json.loads(str(values["counters"]))
            seconds = float(values["seconds"])  # type: ignore[arg-type]
            if not 0 <= seconds < math.inf:
                raise ValueError(f"{seconds:g} seconds")
            return cls(
                arrays=content.array_records[ARRAYS],
                digest=str(values["digest"]),
                scales=[float(scale) for scale in values["scales"]],  # type: ignore[union-attr]
                counters={str(name): _counted(number) for name, number in counters.items()},
                n_examples=_whole(metrics[N_EXAMPLES]),
                train_loss=float(metrics[TRAIN_LOSS]),  # type: ignore[arg-type]
                steps=_counted(values["steps"]),
                seconds=seconds,
            )
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise FileFormatError(f"{type(error).__name__}: {error}") from error


@lru_cache(maxsize=8)
def _local_training(text: str) -> LocalTraining:
    return LocalTraining.from_dict(json.loads(text))


def _counted(value: object) -> int:
    """Return a count that an int64 holds."""
    if not 0 <= (found := _whole(value)) < 2**63:
        raise ValueError(f"expected a count, found {value!r}")
    return found


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"expected a whole number, found {value!r}")
    return value
