"""The state of a network as what is averaged, what is counted, and what never changes."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._errors import InvalidValueError

Weights = dict[str, NDArray[np.float32]]
"""By name, what is averaged: weights and running statistics."""
Counters = dict[str, int]
"""By name, whole numbers such as batch norm's `num_batches_tracked`, which must stay whole."""


def weights_of(network: nn.Module) -> Weights:
    """Return copies of all floating-point entries of a network's state, in float32."""
    return state_of(network)[0]


def counters_of(network: nn.Module) -> Counters:
    """Return the single whole numbers in a network's state."""
    return state_of(network)[1]


def state_of(network: nn.Module) -> tuple[Weights, Counters]:
    """Return what `weights_of` and `counters_of` do, going through the network once."""
    floating, counting = _entries(network)
    weights = {name: tensor.float().cpu().numpy().copy() for name, tensor in floating.items()}
    return weights, {name: int(tensor) for name, tensor in counting.items()}


def shapes_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what `weights_of` returns."""
    return _shapes(_entries(network)[0])


@torch.no_grad()
def set_state_(network: nn.Module, weights: Mapping[str, NDArray[np.float32]], counters: Mapping[str, int]) -> None:
    """Set a network's state.

    Args:
        network: changed in place.
        weights: exactly those that `weights_of` returns.
        counters: those that are missing stay as they are.

    Raises:
        InvalidValueError: a name or a shape is not the network's.
    """
    floating, counting = _entries(network)
    if problem := difference(_shapes(floating), weights):
        raise InvalidValueError(f"weights: {problem}")
    for name, tensor in floating.items():
        tensor.copy_(torch.from_numpy(np.asarray(weights[name], order="C")))
    for name, counter in counting.items():
        if name in counters:
            counter.fill_(counters[name])


def difference(shapes: Mapping[str, tuple[int, ...]], found: Mapping[str, NDArray[np.floating]]) -> str:
    """Return in what arrays differ from the shapes that are expected; an empty text if in nothing."""
    for name in sorted(shapes.keys() | found.keys()):
        if name not in found or name not in shapes:
            return f"{name} is {'missing' if name in shapes else 'not part of the network'}"
        if found[name].shape != shapes[name]:
            return f"{name} has shape {list(found[name].shape)}, expected {list(shapes[name])}"
    return ""


def _shapes(floating: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in floating.items()}


def _entries(network: nn.Module) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return what of a network's state is averaged, and what is counted; sharing its memory."""
    state = network.state_dict()
    floating = {name: tensor for name, tensor in state.items() if tensor.is_floating_point()}
    counting = {name: tensor for name, tensor in state.items() if tensor.dtype == torch.int64 and tensor.ndim == 0}
    return floating, counting
