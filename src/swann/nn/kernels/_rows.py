"""Small batches without gradients: maps in rows with room for the kernels' reach, read at shifted places.

A tap of a kernel with stride s meets every s-th place of a map. So a map is cut into its s phases along each axis, with
zeros around; then a tap meets neighbouring places of one phase for neighbouring places of the layer's map, if both have
rows of the same length. What is computed between the rows is thrown away.
"""

import itertools
import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ._columns import gather
from ._geometry import LinkShape, unflatten

Shape = tuple[int, ...]

_FEWEST_PLACES = 32
"""Smaller maps have too much room between their rows."""


def fits_rows(shapes: Sequence[int]) -> bool:
    """Return whether a layer's map is large enough to be computed in rows."""
    links = unflatten(tuple(shapes))
    return bool(links) and len(links[0].target) > 0 and math.prod(links[0].target) >= _FEWEST_PLACES


@lru_cache(maxsize=4096)
def extents(shapes: tuple[int, ...]) -> Shape:
    """Return the size of a layer's map in rows: along all axes but the first, with room for every link's reach."""
    links = unflatten(shapes)
    target = links[0].target
    reach = [max(_reach(link, axis) for link in links) for axis in range(len(target))]
    return (target[0], *(size + more for size, more in zip(target[1:], reach[1:], strict=True)))


def to_rows(source: Tensor, shape: LinkShape, size: Shape) -> Tensor:
    """Return a map's phases in rows, of shape `[sources, places · batch]`.

    Args:
        source: of shape `[1, sources, *source, batch]`.
        shape: the link's shape.
        size: of the layer's map in rows, from `extents`.
    """
    return gather(source, _offsets(shape, size, source.shape[-1]))


def from_rows(result: Tensor, target: Shape) -> Tensor:
    """Return a layer's map without the room in its rows.

    Args:
        result: of shape `[1, targets, *size, batch]`.
        target: the size of the map.
    """
    return result[(slice(None), slice(None), *(slice(0, size) for size in target))].contiguous()


def n_places(target: Shape, size: Shape) -> int:
    """Return how many places of a map in rows there are up to its last one that counts."""
    return 1 + sum((length - 1) * step for length, step in zip(target, _steps(size), strict=True))


def n_row_places(shape: LinkShape, size: Shape) -> int:
    """Return how many places a source's phases have in rows."""
    return len(_phases(shape)) * math.prod(_phase_extent(shape, size))


@lru_cache(maxsize=4096)
def tap_offsets(shape: LinkShape, size: Shape) -> Shape:
    """Return where each tap's place for the first place of the layer's map stands in a source's rows."""
    phases, extent = _phases(shape), _phase_extent(shape, size)
    steps = _steps(extent)
    found = []
    for tap in np.ndindex(*shape.kernel):
        reached = [t * dilation for t, dilation in zip(tap, shape.dilation, strict=True)]
        phase = tuple(at % stride for at, stride in zip(reached, shape.stride, strict=True))
        shift = sum(at // stride * step for at, stride, step in zip(reached, shape.stride, steps, strict=True))
        found.append(phases.index(phase) * math.prod(extent) + shift)
    return tuple(found)


@lru_cache(maxsize=4096)
def _offsets(shape: LinkShape, size: Shape, batch: int) -> NDArray[np.int32]:
    """Return which element of a source's map, of shape `[*source, batch]`, stands at each place of its rows; or -1."""
    extent = _phase_extent(shape, size)
    places = np.indices(extent).reshape(len(extent), -1)
    parts = []
    for phase in _phases(shape):
        inside = np.ones(places.shape[1], dtype=np.bool_)
        flat = np.zeros(places.shape[1], dtype=np.int64)
        for axis, length in enumerate(shape.source):
            coordinate = places[axis] * shape.stride[axis] + phase[axis] - shape.before[axis]
            inside &= (coordinate >= 0) & (coordinate < length)
            flat = flat * length + coordinate
        parts.append(np.where(inside, flat * batch, -1))
    first = np.concatenate(parts)[:, None]
    return np.where(first >= 0, first + np.arange(batch), -1).astype(np.int32).ravel()


def _phases(shape: LinkShape) -> list[Shape]:
    """Return the phases that a link's taps meet."""
    of_axes = (
        sorted({tap * dilation % stride for tap in range(width)})
        for width, dilation, stride in zip(shape.kernel, shape.dilation, shape.stride, strict=True)
    )
    return list(itertools.product(*of_axes))


def _phase_extent(shape: LinkShape, size: Shape) -> Shape:
    """Return the size of each phase: that of the layer's map in rows, with the link's reach along the first axis."""
    return (size[0] + _reach(shape, 0), *size[1:])


def _reach(shape: LinkShape, axis: int) -> int:
    """Return how many places beyond the first one a kernel meets in a phase."""
    return (shape.kernel[axis] - 1) * shape.dilation[axis] // shape.stride[axis]


def _steps(size: Shape) -> Shape:
    return tuple(math.prod(size[axis + 1 :]) for axis in range(len(size)))
