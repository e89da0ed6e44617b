"""Weights as they travel."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from flwr.app import ArrayRecord
from numpy.typing import NDArray

from .._errors import InvalidValueError
from ._arrays import read_array, record_of, to_array
from ._state import Weights

Compression = Literal["none", "fp16", "int8"]
COMPRESSIONS = ("none", "fp16", "int8")

_LEVELS = 127
"""Of either sign in 8 bits."""


def encode_weights(weights: Weights, compression: Compression) -> ArrayRecord:
    """Return weights on their way to a client: float32 as they are, else rounded to float16.

    Raises:
        InvalidValueError: a weight is too large for float16.
    """
    if compression == "none":
        return _record(weights)
    return _record({name: _half(name, array) for name, array in weights.items()})


def encode_update(
    weights: Weights, received: Weights, compression: Compression, generator: np.random.Generator
) -> tuple[ArrayRecord, list[float]]:
    """Return what a client sends, and the scale of each array.

    Without compression that is the weights. Else it is their difference from what was received, in float16, or in 8
    bits: each array is divided by its largest absolute value and rounded up or down to 127 levels at random so that
    the expected value is the difference itself (QSGD, Alistarh et al. 2017, with the maximum norm).

    Args:
        weights: after training.
        received: before training.
        compression: how they travel.
        generator: of the rounding.

    Raises:
        InvalidValueError: a difference is too large for float16.
    """
    if compression == "none":
        return _record(weights), []
    change = {name: array - received[name] for name, array in weights.items()}
    if compression == "fp16":
        return _record({name: _half(name, array) for name, array in change.items()}), []
    scales = {name: float(np.abs(array).max(initial=0.0)) for name, array in change.items()}
    rounded = {name: _stochastic(array, scales[name], generator) for name, array in change.items()}
    return _record(rounded), list(scales.values())


def decode_weights(record: ArrayRecord) -> Weights:
    """Return the weights that `encode_weights` made a record of, in float32.

    Raises:
        ValueError: an array is malformed.
    """
    return {name: read_array(array).astype(np.float32) for name, array in record.items()}


def decode_update(record: ArrayRecord, scales: list[float], sent: Weights, compression: Compression) -> Weights:
    """Return a client's weights from what `encode_update` made of them.

    Args:
        record: the arrays.
        scales: of each array, for 8 bits.
        sent: the weights that the server has sent, before they were encoded.
        compression: how they travelled.

    Raises:
        ValueError: an array is malformed, of another type, or there are not as many scales.
        KeyError: an array that was not sent.
    """
    arrays = {name: read_array(array) for name, array in record.items()}
    wanted = {"none": np.float32, "fp16": np.float16, "int8": np.int8}[compression]
    for name, array in arrays.items():
        if array.dtype != wanted:
            raise ValueError(f"{name} is of type {array.dtype}, expected {np.dtype(wanted)}")
    if compression == "none":
        return dict(arrays)
    factors = np.asarray(scales, np.float32) / _LEVELS if compression == "int8" else np.ones(len(arrays), np.float32)
    found = zip(arrays.items(), factors, strict=True)
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is for the caller to find
        return {name: _sum(sent[name], array.astype(np.float32) * factor) for (name, array), factor in found}


def n_bytes(record: ArrayRecord) -> int:
    """Return the bytes that the arrays of a record take, each with NumPy's header of 128 bytes."""
    return sum(len(array.data) for array in record.values())


def _sum(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    if one.shape != other.shape:
        raise ValueError(f"an array has shape {list(other.shape)}, expected {list(one.shape)}")
    return one + other


def _half(name: str, array: NDArray[np.float32]) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        rounded = array.astype(np.float16)
    if np.isinf(rounded).any() and np.isfinite(array).all():
        raise InvalidValueError(
            f"compression: {name} has a value of {np.abs(array).max():.3g}, float16 holds 65504; use compression 'none'"
        )
    return rounded


def _stochastic(array: NDArray[np.float32], scale: float, generator: np.random.Generator) -> NDArray[np.int8]:
    if scale == 0 or not np.isfinite(scale):
        return np.zeros(array.shape, np.int8)
    return np.floor(array / scale * _LEVELS + generator.random(array.shape)).astype(np.int8)


def _record(arrays: Mapping[str, NDArray[np.generic]]) -> ArrayRecord:
    return record_of({name: to_array(array) for name, array in arrays.items()})
