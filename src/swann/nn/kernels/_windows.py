"""How each element of a map is made of several of another one: copies in another order, and pooling."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._code import ELEMENTS, Element
from ._compile import vector_bytes
from ._gather import Offsets
from ._gather_assembly import SCATTERED
from ._window_assembly import NEAR, Reduction, picks_from_two

Shape = tuple[int, ...]
Axis = tuple[tuple[int, ...], ...]
"""For each place of a result along one axis the places that it is made of."""


@dataclass(frozen=True, eq=False)
class Windows:
    """What each element of a node's result is made of.

    Args:
        reduction: what is made of the elements of a window.
        offsets: for each element of a window which ones of the node's map they are, for all elements of the result.
        scales: what sums are multiplied with, or nothing.
        length: elements of a node's result.
        record: see `swann.nn.kernels._window_assembly.WINDOWS`.
    """

    reduction: Reduction
    offsets: tuple[NDArray[np.int32], NDArray[np.int32]]
    scales: NDArray[np.floating]
    length: int
    record: NDArray[np.int64]

    @classmethod
    def of(cls, reduction: Reduction, numbers: NDArray[np.int64], n_elements: int, element: Element) -> "Windows":
        """Return them for this processor's vectors.

        Args:
            reduction: what is made of the elements of a window.
            numbers: which elements these are, of shape `[elements of a window, length]`; -1 for none.
            n_elements: of a node's map.
            element: their type.
        """
        lanes = vector_bytes() // ELEMENTS[element][2]
        parts = [Offsets.of(of_tap.astype(np.int32), lanes) for of_tap in numbers]
        filled = np.concatenate([part.numbers for part in parts])
        bases = np.concatenate([part.bases for part in parts])
        if picks_from_two(element, lanes):
            bases = _near(filled, bases, n_elements)
        length, n_vectors = numbers.shape[1], len(parts[0].bases)
        scales = np.zeros(n_vectors * lanes, dtype=element)
        scales[:length] = 1 / np.maximum(1, (numbers >= 0).sum(0))
        addresses = (filled.ctypes.data, bases.ctypes.data, scales.ctypes.data)
        record = np.array([len(parts), n_vectors, length // lanes, *addresses], dtype=np.int64)
        return cls(reduction, (filled, bases), scales, length, record)


def _near(filled: NDArray[np.int32], bases: NDArray[np.int32], n_elements: int) -> NDArray[np.int32]:
    """Return the bases of vectors, also where all elements are within two vectors' length that the map has."""
    reach = 2 * filled.shape[1]
    if n_elements < reach:
        return bases
    first = np.minimum(np.where(filled >= 0, filled, n_elements).min(1), n_elements - reach)
    is_near = (bases == SCATTERED) & (filled.max(1) < first + reach)
    return np.where(is_near, first + NEAR, bases).astype(np.int32)


def strided_axis(length: int, kernel: int, stride: int, padding: int, dilation: int) -> Axis:
    """Return the windows of max pooling along one axis."""
    n_places = (length + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    windows = ([place * stride - padding + tap * dilation for tap in range(kernel)] for place in range(n_places))
    return tuple(tuple(each for each in window if 0 <= each < length) for window in windows)


def adaptive_axis(length: int, n_places: int) -> Axis:
    """Return the windows of adaptive average pooling along one axis.

    >>> adaptive_axis(5, 2)
    ((0, 1, 2), (2, 3, 4))
    """
    return tuple(
        tuple(range(place * length // n_places, -(-(place + 1) * length // n_places))) for place in range(n_places)
    )


def window_numbers(axes: Sequence[Axis], stored: Shape, batch: int) -> NDArray[np.int64]:
    """Return which elements of a map are in each window, of shape `[elements of a window, places · batch]`.

    Args:
        axes: the windows along each axis.
        stored: the size at which the map is stored, which may be larger than what counts.
        batch: samples, which stand beside each other at each place.
    """
    steps = [math.prod(stored[axis + 1 :]) for axis in range(len(stored))]
    padded = []
    for axis in axes:
        n_taps = max(map(len, axis))
        padded.append(np.array([[*window, *[-1] * (n_taps - len(window))] for window in axis], dtype=np.int64))
    numbers = []
    for taps in itertools.product(*(range(each.shape[1]) for each in padded)):
        place, inside = np.zeros((), dtype=np.int64), np.ones((), dtype=np.bool_)
        for each, tap, step in zip(padded, taps, steps, strict=True):
            place = place[..., None] + each[:, tap] * step
            inside = inside[..., None] & (each[:, tap] >= 0)
        samples = place.reshape(-1, 1) * batch + np.arange(batch)
        numbers.append(np.where(inside.reshape(-1, 1), samples, -1).ravel())
    return np.stack(numbers)


def stored_numbers(numbers: NDArray[np.int32], size: Shape, stored: Shape, batch: int) -> NDArray[np.int64]:
    """Return which elements of a stored map are those of a map of shape `[batch, *size]`, or -1 where they are."""
    n_places = math.prod(size)
    of_places = np.arange(math.prod(stored)).reshape(stored)[tuple(slice(0, length) for length in size)].ravel()
    return np.where(numbers >= 0, of_places[numbers % n_places] * batch + numbers // n_places, -1)
