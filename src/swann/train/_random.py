"""Random numbers of a training run: drawn anew for each iteration, the global generators left as they were."""

import contextlib
from collections.abc import Iterator
from enum import IntEnum

import numpy as np
import torch


class Stream(IntEnum):
    """What random numbers are for; each use has a stream of its own."""

    MODEL = 1
    AUGMENT = 2
    CROP = 3


def derive_seed(seed: int, stream: Stream, iteration: int, rank: int = 0) -> int:
    """Return a seed for one use in one iteration on one process, independent of all others.

    >>> derive_seed(0, Stream.MODEL, 5) == derive_seed(0, Stream.MODEL, 5)
    True
    """
    state = np.random.SeedSequence([seed, stream, iteration, rank]).generate_state(1, np.uint64)
    return int(state[0] >> np.uint64(1))


def seed_model(seed: int, device: torch.device) -> None:
    """Seed the generators that a model on `device` draws from (dropout): the CPU's and the device's."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)


@contextlib.contextmanager
def random_state_kept(device: torch.device) -> Iterator[None]:
    """Give the generators that `seed_model` seeds their state back when the block ends."""
    devices = [device] if device.type in ("cuda", "mps") else []
    kind = device.type if devices else "cuda"
    with torch.random.fork_rng(devices, device_type=kind):
        yield
