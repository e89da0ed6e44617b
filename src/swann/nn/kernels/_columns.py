import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from ._compile import vector_bytes
from ._gather import ELEMENTS, Gathering, Offsets, gather
from ._geometry import LinkShape

SMALL_BATCH = 8


def needs_columns(blocks: Tensor) -> bool:
    """Return whether the batch is too small to fill vectors, so that neighbouring places have to."""
    return blocks.shape[0] == 1 and blocks.shape[-1] < SMALL_BATCH


def to_columns(source: Tensor, shape: LinkShape) -> Tensor:
    """Return the places of a map that each tap meets, of shape `[sources, taps, target places · batch]`.

    Args:
        source: of shape `[1, sources, *source, batch]`.
        shape: the link's shape.
    """
    result: Tensor = _Columns.apply(source, shape)
    return result


class _Columns(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, source: Tensor, shape: LinkShape) -> Tensor:
        ctx.shape, ctx.source_shape = shape, source.shape
        return gather_columns(source, shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return scatter_columns(gradient, ctx.source_shape, ctx.shape), None


def gather_columns(source: Tensor, shape: LinkShape) -> Tensor:
    """Return what `to_columns` returns, without a gradient."""
    n_nodes, batch = source.shape[1], source.shape[-1]
    if shape.meets_all_at_once:
        return source.reshape(n_nodes, shape.n_taps, batch)
    exact = source if source.dtype in ELEMENTS else source.float()
    found = gather(exact, _gathering(shape, n_nodes, batch, exact.element_size()))
    return found.to(source.dtype).view(n_nodes, shape.n_taps, -1)


@lru_cache(maxsize=4096)
def places_in_columns(shape: LinkShape) -> NDArray[np.int64]:
    """Return which place of a source's map each tap meets for each place of the layer's map; -1 in the padding.

    The result is of shape `[taps, target places]`.
    """
    n_places = math.prod(shape.target)
    taps = np.indices(shape.kernel).reshape(len(shape.kernel), shape.n_taps, 1)
    places = np.indices(shape.target).reshape(len(shape.target), 1, n_places)
    inside = np.ones((shape.n_taps, n_places), dtype=np.bool_)
    flat = np.zeros_like(inside, dtype=np.int64)
    for axis, size in enumerate(shape.source):
        coordinate = places[axis] * shape.stride[axis] - shape.before[axis] + taps[axis] * shape.dilation[axis]
        inside &= (coordinate >= 0) & (coordinate < size)
        flat = flat * size + coordinate
    return np.where(inside, flat, -1)


@lru_cache(maxsize=4096)
def _gathering(shape: LinkShape, n_nodes: int, batch: int, itemsize: int) -> Gathering:
    """Return which element of a channel's map, of shape `[*source, batch]`, each tap meets at each place."""
    places = places_in_columns(shape)[..., None]
    numbers = np.where(places >= 0, places * batch + np.arange(batch), -1)
    offsets = Offsets.of(numbers.astype(np.int32).ravel(), vector_bytes() // itemsize)
    return Gathering.of([offsets], n_nodes, itemsize)


def scatter_columns(gradient: Tensor, source_shape: torch.Size, shape: LinkShape) -> Tensor:
    """Return the gradient of the map that `gather_columns` was given, from that of its columns."""
    padding = _padding(shape)
    padded = _padded(gradient.new_zeros(source_shape[1:]), padding)
    by_tap = gradient.reshape(gradient.shape[0], shape.n_taps, *shape.target, source_shape[-1])
    for number, tap in enumerate(np.ndindex(*shape.kernel)):
        places = tuple(
            slice(t * dilation, t * dilation + (n - 1) * stride + 1, stride)
            for t, dilation, n, stride in zip(tap, shape.dilation, shape.target, shape.stride, strict=True)
        )
        padded[(slice(None), *places)] += by_tap[:, number]
    return _padded(padded, [-amount for amount in padding]).unsqueeze(0)


def _padded(maps: Tensor, amounts: list[int]) -> Tensor:
    """Return maps with zeros added around them, then cropped: a kernel may meet zeros alone."""
    if min(amounts, default=0) < 0 < max(amounts, default=0):
        maps = F.pad(maps, (0, 0, *(max(0, amount) for amount in amounts)))
        amounts = [min(0, amount) for amount in amounts]
    return F.pad(maps, (0, 0, *amounts))


def _padding(shape: LinkShape) -> list[int]:
    """Return the rows to add around a map so that every tap meets one, the last axis first."""
    amounts = []
    for axis in reversed(range(len(shape.source))):
        extent = (shape.target[axis] - 1) * shape.stride[axis] + shape.dilation[axis] * (shape.kernel[axis] - 1) + 1
        amounts += [shape.before[axis], extent - shape.source[axis] - shape.before[axis]]
    return amounts
