"""Small batches without gradients: maps in rows, a copy for each tap along the last axis, read at shifted places.

A tap of a kernel with stride s meets every s-th place of a map. So a map is cut into its s phases along each axis but
the last, with zeros around, and along the last axis there is a copy for each tap, of the places that it meets. Then a
tap meets neighbouring places of one copy for neighbouring places of the layer's map, from the beginning of a row on,
and taps that differ along the other axes alone read the same vectors. What is computed between the rows is thrown away.
"""

import itertools
import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ._geometry import LinkShape

Shape = tuple[int, ...]


@lru_cache(maxsize=4096)
def extents(links: tuple[LinkShape, ...], batch: int, lanes: int) -> Shape:
    """Return the size of a layer's map in rows.

    Rows end with the last place, or where a vector ends after it. Along the axes between the first and the last there
    is room for every link's reach.

    Args:
        links: the shapes of the links that end at the map.
        batch: samples, which stand beside each other at each place.
        lanes: numbers in one vector.
    """
    *others, width = links[0].target
    roomy = [size + max(_reach(link, axis) for link in links) for axis, size in enumerate(others)]
    half = max(1, lanes // 2)
    if width * batch < half:
        width = 2 ** math.ceil(math.log2(width))
    else:
        width += next(more for more in range(half) if (width + more) * batch % half == 0)
    return (*others[:1], *roomy[1:], width)


def n_places_in_rows(target: Shape, size: Shape) -> int:
    """Return how many places a map in rows has up to the end of its last row that counts.

    A tap that meets the last of them meets a place of its copy; those after them might meet what stands behind it.
    """
    steps = [math.prod(size[axis + 1 :]) for axis in range(len(size))]
    return size[-1] + sum((length - 1) * step for length, step in zip(target[:-1], steps[:-1], strict=True))


def row_lanes(n_places: int, width: int, batch: int, lanes: int) -> int:
    """Return how many neighbouring numbers of a map in rows a vector is to hold, so that rows are whole vectors.

    Args:
        n_places: from `n_places_in_rows`.
        width: of a row.
        batch: samples.
        lanes: the most.
    """
    row, half = width * batch, max(1, lanes // 2)
    if row % lanes == 0:
        return lanes
    return half if row % half == 0 or n_places * batch % half == 0 else lanes


@lru_cache(maxsize=4096)
def places_in_rows(shape: LinkShape, size: Shape) -> NDArray[np.int64]:
    """Return which place of a source's map stands at each place of its rows; -1 for a zero.

    Args:
        shape: the link's shape.
        size: of the layer's map in rows, from `extents`.
    """
    extent = _copy_extent(shape, size)
    places = np.indices(extent).reshape(len(extent), -1)
    parts = []
    for start in _copies(shape):
        inside = np.ones(places.shape[1], dtype=np.bool_)
        flat = np.zeros(places.shape[1], dtype=np.int64)
        for axis, length in enumerate(shape.source):
            coordinate = places[axis] * shape.stride[axis] + start[axis] - shape.before[axis]
            inside &= (coordinate >= 0) & (coordinate < length)
            flat = flat * length + coordinate
        parts.append(np.where(inside, flat, -1))
    return np.concatenate(parts)


@lru_cache(maxsize=4096)
def tap_offsets(shape: LinkShape, size: Shape) -> Shape:
    """Return where each tap's place for the first place of the layer's map stands in a source's rows."""
    copies, extent = list(_copies(shape)), _copy_extent(shape, size)
    steps = [math.prod(extent[axis + 1 :]) for axis in range(len(extent))]
    found = []
    for tap in np.ndindex(*shape.kernel):
        *others, last = (t * dilation for t, dilation in zip(tap, shape.dilation, strict=True))
        strides = shape.stride[:-1]
        start = (*(at % stride for at, stride in zip(others, strides, strict=True)), last)
        shift = sum(at // stride * step for at, stride, step in zip(others, strides, steps[:-1], strict=True))
        found.append(copies.index(start) * math.prod(extent) + shift)
    return tuple(found)


def _copies(shape: LinkShape) -> Iterator[Shape]:
    """Iterate over the copies of a source: where each begins along each axis."""
    *others, last = zip(shape.kernel, shape.dilation, shape.stride, strict=True)
    phases = (sorted({tap * dilation % stride for tap in range(width)}) for width, dilation, stride in others)
    width, dilation, _ = last
    return itertools.product(*phases, [tap * dilation for tap in range(width)])


def _copy_extent(shape: LinkShape, size: Shape) -> Shape:
    """Return the size of each copy: that of the layer's map in rows, with the link's reach along the first axis."""
    return (size[0] + _reach(shape, 0), *size[1:]) if len(size) > 1 else size


def _reach(shape: LinkShape, axis: int) -> int:
    """Return how many places beyond the first one a kernel meets in a phase."""
    return (shape.kernel[axis] - 1) * shape.dilation[axis] // shape.stride[axis]
