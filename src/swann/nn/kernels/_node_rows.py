"""Rows of a schedule for one layer: its links, and what is done with each node's map before and after them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from ._arena import Held
from ._arrangement import Arrangement
from ._code import ELEMENTS, Element
from ._compile import compile_function, vector_bytes
from ._node_assembly import fill_function, normalise_function, rectify_function
from ._schedule import Address, Row, ScheduleBuilder
from ._small import link_programs
from ._tables import Programs, bands_of_places
from ._window_assembly import Reduction, window_function
from ._windows import Axis, Windows, stored_numbers, window_numbers

Shape = tuple[int, ...]

_AT_ONCE = 9
"""Elements of a window, each of which takes one gather, up to which a small result is pooled along all axes at once."""


@dataclass(frozen=True)
class StoredMap:
    """A map in memory, of shape `[nodes, *stored, batch]`, of which `[nodes, *size, batch]` counts.

    Args:
        place: where it stands.
        n_nodes: its channels.
        size: its spatial size.
        stored: the size at which it is stored.
        batch: samples.
        element: type of its elements.
    """

    place: Address
    n_nodes: int
    size: Shape
    stored: Shape
    batch: int
    element: Element

    @property
    def n_elements(self) -> int:
        """The elements of one node."""
        return math.prod(self.stored) * self.batch

    @property
    def stride(self) -> int:
        """The bytes of one node."""
        return self.n_elements * ELEMENTS[self.element][2]

    @property
    def lanes(self) -> int:
        """Numbers in one vector."""
        return vector_bytes() // ELEMENTS[self.element][2]

    def bands(self) -> list[range | None]:
        """Return the bands of each node's elements that stay in the cache while all links add to them."""
        return bands_of_places(self.n_elements, self.n_nodes, ELEMENTS[self.element][2])


def fill_row(target: StoredMap, bias: Address, band: range | None) -> Row:
    """Return the row that sets a map, or a band of each node's elements, to the nodes' biases."""
    elements = range(target.n_elements) if band is None else band
    size = ELEMENTS[target.element][2]
    program = _program(fill_function(target.element, target.lanes), elements.start * size)
    return Row(program, target.place, target.stride, 0, len(elements), _each(target.n_nodes), weights=bias)


def link_row(
    target: StoredMap,
    arrangement: Arrangement,
    band: range | None,
    operand: Address,
    wiring: Sequence[Address],
    weights: Address,
) -> Row:
    """Return the row that adds a link to a map, or to a band of each node's elements.

    Args:
        target: the map.
        arrangement: how the link's source is laid out.
        band: of the elements.
        operand: the source, laid out so.
        wiring: where each target's edges begin, and the sources of all.
        weights: of the edges.
    """
    indptr, indices = wiring
    programs = link_programs(arrangement, target.element, target.element, target.batch, band)
    n_read = arrangement.length(target.batch, target.lanes) * ELEMENTS[target.element][2]
    return Row(programs, target.place, target.stride, operand, n_read, indptr, indices, weights)


def rectify_row(target: StoredMap) -> Row:
    """Return the row that sets what is negative to zero."""
    program = _program(rectify_function(target.element, target.lanes))
    return Row(program, target.place, target.stride, 0, target.n_elements, _each(target.n_nodes))


def normalise_row(target: StoredMap, statistics: Sequence[Address], epsilon: float) -> Row:
    """Return the row of a batch norm: of the nodes' means, variances, weights and biases."""
    program = _program(normalise_function(target.element, target.lanes, epsilon))
    mean, *others = statistics
    return Row(program, target.place, target.stride, mean, target.n_elements, _each(target.n_nodes), *others)


def pool_rows(
    builder: ScheduleBuilder, source: StoredMap, reduction: Reduction, axes: Sequence[Axis]
) -> tuple[list[Row], StoredMap]:
    """Return the rows that pool a map, and the result.

    Along one axis after the other, so that all but the last read neighbouring places; at once where windows are small.
    """
    size = tuple(map(len, axes))
    stops = range(1, len(axes) + 1)
    if math.prod(size) * source.batch <= source.lanes and math.prod(max(map(len, axis)) for axis in axes) <= _AT_ONCE:
        stops = range(len(axes), len(axes) + 1)
    rows, found, begin = [], source, 0
    for stop in stops:
        others = [tuple((place,) for place in range(length)) for length in found.stored]
        step = (*others[:begin], *axes[begin:stop], *others[stop:])
        windows = _pool_windows(reduction, step, found.stored, found.batch, found.element)
        result = replace(found, size=size, stored=tuple(map(len, step)))
        result = replace(result, place=builder.buffer(result.stride * result.n_nodes))
        rows.append(_window_row(found, result.place, result.stride, windows))
        found, begin = result, stop
    return rows, found


def copy_row(builder: ScheduleBuilder, source: StoredMap, arrangement: Arrangement) -> tuple[Row, Held]:
    """Return the row that lays a map out in an arrangement, and the result."""
    windows = _copy_windows(arrangement, source.size, source.stored, source.batch, source.element)
    stride = windows.length * ELEMENTS[source.element][2]
    place = builder.buffer(stride * source.n_nodes)
    return _window_row(source, place, stride, windows), place


def _window_row(source: StoredMap, result: Address, stride: int, windows: Windows) -> Row:
    program = _program(window_function(source.element, source.lanes, windows.reduction))
    record = windows.record.ctypes.data
    return Row(program, result, stride, source.place, source.stride, _each(source.n_nodes), record, keeps=windows)


@lru_cache(maxsize=4096)
def _copy_windows(arrangement: Arrangement, size: Shape, stored: Shape, batch: int, element: Element) -> Windows:
    lanes = vector_bytes() // ELEMENTS[element][2]
    numbers = stored_numbers(arrangement.offsets(1, batch, lanes), size, stored, batch)
    return Windows.of("copy", numbers[None], math.prod(stored) * batch, element)


@lru_cache(maxsize=4096)
def _pool_windows(reduction: Reduction, axes: tuple[Axis, ...], stored: Shape, batch: int, element: Element) -> Windows:
    return Windows.of(reduction, window_numbers(axes, stored, batch), math.prod(stored) * batch, element)


@cache
def _program(assembly: str, offset: int = 0) -> Programs:
    """Return what calls a module's function once for each node, on its result from some byte on."""
    places = np.array([[0, offset]], dtype=np.int64)
    function = compile_function(assembly, "tile")
    return Programs(np.array([[function, 1, places.ctypes.data]], dtype=np.int64), (places,), 0)


def _each(n_nodes: int) -> int:
    """Return the address of where the edges of each node begin, if it has one of its own number."""
    return _numbers(n_nodes).ctypes.data


@cache
def _numbers(n_nodes: int) -> NDArray[np.int32]:
    return np.arange(n_nodes + 1, dtype=np.int32)


def constant(value: float, n_nodes: int, element: Element) -> int:
    """Return the address of as many equal numbers as there are nodes."""
    return _constants(value, n_nodes, element).ctypes.data


@cache
def _constants(value: float, n_nodes: int, element: Element) -> NDArray[np.floating]:
    return np.full(n_nodes, value, dtype=element)
