import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._code import Element
from ._compile import compile_function, vector_bytes
from ._gather_assembly import NOTHING, SCATTERED, gather_function
from ._threads import run_on_all_threads

ELEMENTS: dict[torch.dtype, Element] = {torch.float32: "float32", torch.float64: "float64"}
"""What the kernels compute with."""


@dataclass(frozen=True, eq=False)
class Offsets:
    """Which elements of a node's map are copied, in which order.

    Args:
        numbers: counted from the node's first element; -1 for a zero. Filled up with -2 to whole vectors.
        bases: for each vector the number of its first element, where all that are no zeros follow each other.
        length: how many are copied.
    """

    numbers: NDArray[np.int32]
    bases: NDArray[np.int32]
    length: int

    @classmethod
    def of(cls, numbers: NDArray[np.int32], lanes: int) -> "Offsets":
        """Return them for vectors of so many lanes."""
        filled = np.pad(numbers, (0, -len(numbers) % lanes), constant_values=NOTHING).reshape(-1, lanes)
        first = np.where(filled >= 0, filled - np.arange(lanes), SCATTERED)
        bases = first.max(1, initial=SCATTERED)
        together = ((filled < 0) | (first == bases[:, None])).all(1)
        bases = np.where(together & (bases != SCATTERED), bases, np.where((filled < 0).all(1), 0, SCATTERED))
        return cls(np.ascontiguousarray(filled, dtype=np.int32), bases.astype(np.int32), len(numbers))


@dataclass(frozen=True, eq=False)
class Gathering:
    """Several orders in which elements of the same maps are copied, each result behind the one before it.

    Args:
        parts: the orders.
        n_nodes: of the maps.
        itemsize: bytes of an element.
        starts: the element at which each result begins.
        length: elements of all results.
        segments: `swann.nn.kernels._gather_assembly.SEGMENT` for each order, results counted from the first one.
    """

    parts: tuple[Offsets, ...]
    n_nodes: int
    itemsize: int
    starts: tuple[int, ...]
    length: int
    segments: NDArray[np.int64]

    @classmethod
    def of(cls, parts: Sequence[Offsets], n_nodes: int, itemsize: int) -> "Gathering":
        """Return what is the same in all calls."""
        lanes = vector_bytes() // itemsize
        ends = [n_nodes * end for end in itertools.accumulate(part.length for part in parts)]
        starts = (0, *ends[:-1])
        segments = [
            (
                *(start * itemsize, part.length * itemsize, part.numbers.ctypes.data, part.bases.ctypes.data),
                *(part.length // lanes, len(part.bases)),
            )
            for part, start in zip(parts, starts, strict=True)
        ]
        return cls(tuple(parts), n_nodes, itemsize, starts, ends[-1], np.array(segments, dtype=np.int64))


def gather(source: Tensor, gathering: Gathering) -> Tensor:
    """Return elements of each node's map in other orders, all results in one row.

    A result is of shape `[sources, length]`, and begins where `gathering.starts` says.

    Args:
        source: of shape `[samples, sources, *source]`, float32 or float64.
        gathering: which elements; one sample's may be counted from another's.
    """
    source = source.contiguous()
    result = source.new_empty(gathering.length)
    if not source.numel():
        return result.zero_()
    segments = gathering.segments.copy()
    segments[:, 0] += result.data_ptr()
    stride = math.prod(source.shape[2:]) * gathering.itemsize
    table = np.array(
        [0, gathering.n_nodes, source.data_ptr(), stride, len(segments), segments.ctypes.data], dtype=np.int64
    )
    run_on_all_threads(_gather_address(ELEMENTS[source.dtype], vector_bytes() // gathering.itemsize), table.ctypes.data)
    return result


@cache
def _gather_address(element: Element, lanes: int) -> int:
    return compile_function(gather_function(element, lanes), "gather")
