"""The state of a network as what is averaged, what is counted, and what never changes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .._errors import InvalidValueError

Weights = dict[str, NDArray[np.float32]]
"""By name, what is averaged: weights and running statistics."""
Counters = dict[str, int]
"""By name, whole numbers such as batch norm's `num_batches_tracked`, which must stay whole."""


@dataclass(frozen=True)
class State:
    """A network's state, in the tensors that the network has: what is set here is set there.

    Args:
        averaged: floating-point entries.
        counted: single whole numbers.
    """

    averaged: dict[str, Tensor]
    counted: dict[str, Tensor]

    @classmethod
    def of(cls, network: nn.Module) -> "State":
        """Return that of a network; of one that replaces a tensor of its own it is out of date then."""
        state = network.state_dict()
        return cls(
            averaged={name: tensor for name, tensor in state.items() if tensor.is_floating_point()},
            counted={name: each for name, each in state.items() if each.dtype == torch.int64 and each.ndim == 0},
        )

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of what `weights` returns."""
        return {name: tuple(tensor.shape) for name, tensor in self.averaged.items()}

    def weights(self) -> Weights:
        """Return copies of what is averaged, in float32."""
        return {name: tensor.float().cpu().numpy().copy() for name, tensor in self.averaged.items()}

    def counters(self) -> Counters:
        """Return what is counted."""
        return {name: int(tensor) for name, tensor in self.counted.items()}

    @torch.no_grad()
    def set_(self, weights: Mapping[str, NDArray[np.float32]], counters: Mapping[str, int]) -> None:
        """Set the network's state.

        Args:
            weights: exactly those that `weights` returns.
            counters: those that are missing stay as they are.

        Raises:
            InvalidValueError: a name or a shape is not the network's.
        """
        if problem := difference(self.shapes(), weights):
            raise InvalidValueError(f"weights: {problem}")
        for name, tensor in self.averaged.items():
            tensor.copy_(torch.from_numpy(np.asarray(weights[name], order="C")))
        for name, counter in self.counted.items():
            if name in counters:
                counter.fill_(counters[name])


def weights_of(network: nn.Module) -> Weights:
    """Return copies of all floating-point entries of a network's state, in float32."""
    return State.of(network).weights()


def counters_of(network: nn.Module) -> Counters:
    """Return the single whole numbers in a network's state."""
    return State.of(network).counters()


def set_state_(network: nn.Module, weights: Mapping[str, NDArray[np.float32]], counters: Mapping[str, int]) -> None:
    """Set a network's state in place; see `State.set_`."""
    State.of(network).set_(weights, counters)


def difference(shapes: Mapping[str, tuple[int, ...]], found: Mapping[str, NDArray[np.floating]]) -> str:
    """Return in what arrays differ from the shapes that are expected; an empty text if in nothing."""
    for name in sorted(shapes.keys() | found.keys()):
        if name not in found or name not in shapes:
            return f"{name} is {'missing' if name in shapes else 'not part of the network'}"
        if found[name].shape != shapes[name]:
            return f"{name} has shape {list(found[name].shape)}, expected {list(shapes[name])}"
    return ""
