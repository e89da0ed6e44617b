import os
from dataclasses import dataclass
from typing import get_args

from .._errors import InvalidValueError, UnknownNameError, near_matches
from ..nn._network import Backend

PRECISIONS = ("32-true", "bf16-mixed")
"""What `bench` measures in, named as in Lightning Fabric."""


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class BenchSettings:
    """What `bench` measures; every thread count and batch is a case of its own.

    Args:
        batches: inputs at once, at inference.
        train_batch: inputs of a training step, 2 or more, as batch norm needs.
        threads: CPU threads; one and all cores by default.
        backends: of the twin.
        rounds: how often each network has its turn.
        sample_seconds: a turn repeats a short computation for about so long.
        compile: measure the baseline compiled by `torch.compile` too; needs a C++ compiler.
        memory: measure the peak memory of a training step too, in a process of its own for each network.
        precision: `"32-true"`, or `"bf16-mixed"` for forward passes under autocast to bfloat16; all networks alike.
        seed: seeds the inputs and labels, and what is random in a training step.

    Raises:
        InvalidValueError: a number is too small, or there are more threads than cores.
        UnknownNameError: a backend or the precision is not known.

    >>> BenchSettings(batches=(1, 1, 8), threads=(1,)).batches
    (1, 8)
    """

    batches: tuple[int, ...] = (1, 32)
    train_batch: int = 128
    threads: tuple[int, ...] = ()
    backends: tuple[Backend, ...] = ("masked", "sparse")
    rounds: int = 9
    sample_seconds: float = 0.1
    compile: bool = False
    memory: bool = True
    precision: str = "32-true"
    seed: int = 0

    def __post_init__(self) -> None:
        cores = available_cores()
        for name, default in (("batches", ()), ("threads", (1, cores)), ("backends", ())):
            values = tuple(dict.fromkeys(getattr(self, name) or default))
            if not values:
                raise InvalidValueError(f"{name}: expected one or more, found none")
            object.__setattr__(self, name, values)
        least = [("batches", batch, 1) for batch in self.batches] + [("train_batch", self.train_batch, 2)]
        least += [("threads", count, 1) for count in self.threads] + [("rounds", self.rounds, 1)]
        for name, value, low in least:
            if value < low:
                raise InvalidValueError(f"{name}: expected {low} or more, found {value}")
        if max(self.threads) > cores:
            raise InvalidValueError(f"threads: this process may use {cores} cores, found {max(self.threads)} threads")
        for backend in self.backends:
            if backend not in get_args(Backend):
                raise UnknownNameError(f"unknown backend {backend!r}: {near_matches(backend, get_args(Backend))}")
        if self.precision not in PRECISIONS:
            raise UnknownNameError(f"unknown precision {self.precision!r}: {near_matches(self.precision, PRECISIONS)}")
