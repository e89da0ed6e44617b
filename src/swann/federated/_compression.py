"""Weights as they travel: all of a network in one array, for Flower asks for each array in requests of its own."""

from collections.abc import Mapping
from itertools import accumulate, pairwise
from math import prod
from typing import Any, Literal

import numpy as np
from flwr.app import ArrayRecord
from numpy.typing import NDArray

from .._errors import InvalidValueError
from ._arrays import joined, read_array, record_of
from ._state import Weights

Compression = Literal["none", "fp16", "int8"]
COMPRESSIONS = ("none", "fp16", "int8")
_TYPES = {"none": np.float32, "fp16": np.float16, "int8": np.int8}

PACKED = "weights"
"""The name of the one array: those of the network, flattened, in the order of their names."""

_TOO_LARGE = 65520
"""Rounded to infinity in float16."""

_LEVELS = 127
"""Of either sign in 8 bits."""


def encode_weights(weights: Weights, compression: Compression) -> ArrayRecord:
    """Return weights on their way to a client, packed: float32 as they are, else rounded to float16.

    Raises:
        InvalidValueError: a weight is too large for float16.
    """
    if compression == "none":
        return _record(weights, "none")
    return _record({name: _half(name, array) for name, array in weights.items()}, "fp16")


def encode_update(
    weights: Weights, received: Weights, compression: Compression, generator: np.random.Generator
) -> tuple[ArrayRecord, list[float]]:
    """Return what a client sends, packed, and the scale of each array in the order of their names.

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
        return _record(weights, compression), []
    change = {name: weights[name] - received[name] for name in sorted(weights)}
    if compression == "fp16":
        return _record({name: _half(name, array) for name, array in change.items()}, compression), []
    scales = {name: float(np.abs(array).max(initial=0.0)) for name, array in change.items()}
    rounded = {name: _stochastic(array, scales[name], generator) for name, array in change.items()}
    return _record(rounded, compression), list(scales.values())


def decode_weights(record: ArrayRecord, shapes: Mapping[str, tuple[int, ...]]) -> Weights:
    """Return the weights that `encode_weights` made a record of, in float32.

    Args:
        record: the packed array.
        shapes: of the network's arrays.

    Raises:
        ValueError: it is malformed, or does not hold as many values.
    """
    return unpacked(flat(record).astype(np.float32), shapes)


def decode_update(
    record: ArrayRecord, scales: list[float], sent: Weights, compression: Compression
) -> NDArray[np.float32]:
    """Return a client's weights, still packed, from what `encode_update` made of them.

    Args:
        record: the packed array.
        scales: of each array, for 8 bits.
        sent: the weights that the server has sent, before they were encoded.
        compression: how they travelled.

    Raises:
        ValueError: it is malformed, of another type, does not hold as many values or scales, or a weight is not finite.
    """
    values = flat(record)
    if values.dtype != _TYPES[compression]:
        raise ValueError(f"{PACKED} are of type {values.dtype}, expected {np.dtype(_TYPES[compression])}")
    values = values.astype(np.float32, copy=compression != "none")
    found = unpacked(values, {name: array.shape for name, array in sent.items()})
    if compression != "none":
        factors = np.asarray(scales, np.float32) / _LEVELS if compression == "int8" else np.ones(len(found), np.float32)
        with np.errstate(invalid="ignore", over="ignore"):
            for name, factor in zip(sorted(found), factors, strict=True):
                found[name] *= factor
                found[name] += sent[name]
    if not np.isfinite(values).all():
        raise ValueError(f"{next(name for name in sorted(found) if not np.isfinite(found[name]).all())} is not finite")
    return values


def flat(record: ArrayRecord) -> NDArray[Any]:
    """Return the values of a packed record, of whatever type, for reading alone.

    Raises:
        ValueError: it is not packed, or malformed.
    """
    if list(record) != [PACKED]:
        raise ValueError(f"expected one array, {PACKED}, found {', '.join(record)[:100] or 'none'}")
    values = read_array(record[PACKED])
    if values.ndim != 1:
        raise ValueError(f"{PACKED} have shape {list(values.shape)}, expected one dimension")
    return values


def n_bytes(record: ArrayRecord) -> int:
    """Return the bytes that the arrays of a record take, each with NumPy's header of 128 bytes."""
    return sum(len(array.data) for array in record.values())


def _half(name: str, array: NDArray[np.float32]) -> NDArray[np.float16]:
    if _TOO_LARGE <= (largest := np.abs(array).max(initial=0.0)) < np.inf:
        raise InvalidValueError(
            f"compression: {name} has a value of {largest:.3g}, float16 holds 65504; use compression 'none'"
        )
    return array.astype(np.float16)


def _stochastic(array: NDArray[np.float32], scale: float, generator: np.random.Generator) -> NDArray[np.int8]:
    if scale == 0 or not np.isfinite(scale):
        return np.zeros(array.shape, np.int8)
    levels = generator.random(array.shape)
    levels += array / scale * _LEVELS
    return np.floor(levels, out=levels).astype(np.int8)


def _record(arrays: Mapping[str, NDArray[Any]], compression: Compression) -> ArrayRecord:
    return record_of({PACKED: joined((arrays[name] for name in sorted(arrays)), np.dtype(_TYPES[compression]))})


def unpacked(values: NDArray[Any], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[Any]]:
    """Return packed values by the names of their arrays, in the order of the shapes and without a copy.

    Raises:
        ValueError: there are more or fewer values.
    """
    names = sorted(shapes)
    ends = list(accumulate((prod(shapes[name]) for name in names), initial=0))
    if len(values) != ends[-1]:
        raise ValueError(f"{len(values):,} {PACKED}, expected {ends[-1]:,}")
    spans = {name: slice(*span) for name, span in zip(names, pairwise(ends), strict=True)}
    return {name: values[spans[name]].reshape(shape) for name, shape in shapes.items()}
