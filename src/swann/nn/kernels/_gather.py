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


def gather(source: Tensor, wanted: Sequence[Offsets]) -> list[Tensor]:
    """Return elements of each node's map in other orders.

    Args:
        source: of shape `[samples, sources, *source]`.
        wanted: which elements each result has; one sample's may be counted from another's.

    Returns:
        For each of `wanted` a tensor of shape `[sources, length]`.
    """
    if source.dtype not in ELEMENTS:
        return [found.to(source.dtype) for found in gather(source.float(), wanted)]
    source = source.contiguous()
    n_nodes, size = source.shape[1], source.element_size()
    lengths = [each.length for each in wanted]
    results = list(source.new_empty(n_nodes * sum(lengths)).split([n_nodes * length for length in lengths]))
    results = [result.view(n_nodes, length) for result, length in zip(results, lengths, strict=True)]
    if not source.numel():
        return [result.zero_() for result in results]
    lanes = vector_bytes() // size
    segments = np.array(
        [
            (
                *(result.data_ptr(), each.length * size, each.numbers.ctypes.data, each.bases.ctypes.data),
                *(each.length // lanes, len(each.bases)),
            )
            for result, each in zip(results, wanted, strict=True)
        ],
        dtype=np.int64,
    )
    stride = math.prod(source.shape[2:]) * size
    table = np.array([0, n_nodes, source.data_ptr(), stride, len(segments), segments.ctypes.data], dtype=np.int64)
    run_on_all_threads(_gather_address(ELEMENTS[source.dtype], lanes), table.ctypes.data)
    return results


@cache
def _gather_address(element: Element, lanes: int) -> int:
    return compile_function(gather_function(element, lanes), "gather")
