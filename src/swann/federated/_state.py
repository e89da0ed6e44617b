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
    return {name: tensor.detach().float().cpu().numpy().copy() for name, tensor in _floating(network).items()}


def shapes_of(network: nn.Module) -> dict[str, tuple[int, ...]]:
    """Return the shapes of what `weights_of` returns."""
    return {name: tuple(tensor.shape) for name, tensor in _floating(network).items()}


def counters_of(network: nn.Module) -> Counters:
    """Return the single whole numbers in a network's state."""
    return {name: int(tensor) for name, tensor in _counting(network).items()}


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
    own = _floating(network)
    if problem := difference(shapes_of(network), weights):
        raise InvalidValueError(f"weights: {problem}")
    for name, tensor in own.items():
        tensor.copy_(torch.from_numpy(np.asarray(weights[name], order="C")))
    for name, counter in _counting(network).items():
        counter.fill_(counters.get(name, int(counter)))


def difference(shapes: Mapping[str, tuple[int, ...]], found: Mapping[str, NDArray[np.floating]]) -> str:
    """Return in what arrays differ from the shapes that are expected; an empty text if in nothing."""
    for name in sorted(shapes.keys() | found.keys()):
        if name not in found or name not in shapes:
            return f"{name} is {'missing' if name in shapes else 'not part of the network'}"
        if found[name].shape != shapes[name]:
            return f"{name} has shape {list(found[name].shape)}, expected {list(shapes[name])}"
    return ""


def _floating(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}


def _counting(network: nn.Module) -> dict[str, Tensor]:
    state = network.state_dict().items()
    return {name: tensor for name, tensor in state if tensor.dtype == torch.int64 and tensor.ndim == 0}
