"""Gradients of maps that the next layer in the backward pass may add its own to, in their place."""

import torch
from torch import Tensor


def mark_own(gradient: Tensor) -> Tensor:
    """Return a gradient, marked as one that the next layer in the backward pass may add its own to."""
    gradient._swann_adds = True  # type: ignore[attr-defined]
    return gradient


def own_gradient(given: Tensor | None, source: Tensor) -> Tensor | None:
    """Return a gradient that nobody else reads, with channels last in memory: the given one if it was made here."""
    if given is None or (getattr(given, "_swann_adds", False) and given.dtype == source.dtype):
        return given
    return given.to(source.dtype).clone(memory_format=torch.channels_last)
