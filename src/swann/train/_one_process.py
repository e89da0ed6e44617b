"""What an evaluation asks of Lightning's Fabric, without importing it."""

import contextlib
from dataclasses import dataclass, field

import torch


@dataclass(frozen=True)
class OneProcess:
    """This process alone, on a device, in the types that the weights have.

    Args:
        device: of the network.
    """

    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    global_rank: int = 0
    world_size: int = 1

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        """Return a context that changes nothing."""
        return contextlib.nullcontext()
