"""Steps of a script for maps in blocks: activation, norm, pooling and dropout, and their gradients."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from ._arena import Held
from ._average_pool import average_address
from ._batch_norm import norm_address
from ._block_assembly import (
    drop_function,
    fill_function,
    fixed_statistics_function,
    norm_gradient_function,
    rectify_gradient_function,
    statistics_function,
    total_function,
)
from ._code import ELEMENTS, Element
from ._compile import compile_function, vector_bytes
from ._finish import finish_address, pool_address, pool_gradient_address
from ._finish_assembly import Finish, MaxPool
from ._node_rows import constant
from ._schedule import Address
from ._script import Maps, ScriptBuilder

Shape = tuple[int, ...]

_DOUBLE = 8


@dataclass(frozen=True)
class BlockMap:
    """A map in memory, of shape `[blocks, nodes, *size, block]`.

    Args:
        place: where it stands.
        n_nodes: its channels.
        size: its spatial size.
        n_blocks: blocks of samples.
        block: samples of a block.
        element: type of its elements.
    """

    place: Address
    n_nodes: int
    size: Shape
    n_blocks: int
    block: int
    element: Element

    @property
    def n_elements(self) -> int:
        """The elements of one node in one block."""
        return math.prod(self.size) * self.block

    @property
    def numel(self) -> int:
        """The elements of all nodes and blocks."""
        return self.n_blocks * self.n_nodes * self.n_elements

    @property
    def nbytes(self) -> int:
        """The bytes of the map."""
        return self.numel * ELEMENTS[self.element][2]

    @property
    def samples(self) -> tuple[int, int]:
        """Blocks, and channels."""
        return self.n_blocks, self.n_nodes

    @property
    def lanes(self) -> int:
        """Numbers in one vector."""
        return vector_bytes() // ELEMENTS[self.element][2]

    @property
    def axes(self) -> tuple[int, int]:
        """The sizes along two axes, the first 1 if there is one alone."""
        return (1, self.size[0]) if len(self.size) == 1 else (self.size[0], self.size[1])

    def maps(self) -> Maps:
        """Return where each channel's map stands."""
        return self.beside(self.place, ELEMENTS[self.element][2])

    def beside(self, place: Address, size: int) -> Maps:
        """Return where something else stands that has as many elements, of some bytes each."""
        return Maps(place, self.n_elements * size, self.n_nodes * self.n_elements * size)


def numbers_of(place: Address, count: int, size: int) -> Maps:
    """Return where some numbers of each channel stand, one channel after the other, of some bytes each."""
    return Maps(place, count * size)


def add_fill(builder: ScriptBuilder, target: BlockMap, bias: Address | None) -> None:
    """Set a map to the biases of its channels, or to zeros."""
    place = constant(0, target.n_nodes, target.element) if bias is None else bias
    function = _address(fill_function, target.element, target.lanes, target.n_elements % target.lanes)
    scales = numbers_of(place, 1, ELEMENTS[target.element][2])
    builder.add_channels(function, _whole(target), target.samples, (None, target.maps(), scales, None))


def add_finish(
    builder: ScriptBuilder,
    source: BlockMap,
    result: BlockMap,
    finish: Finish,
    numbers: Address | None = None,
    taps: Address | None = None,
) -> None:
    """Take the steps of a finish; the arguments are as for `swann.nn.kernels._finish.finish_`."""
    scales = None if numbers is None else numbers_of(numbers, 2 * finish.n_affine, ELEMENTS[source.element][2])
    if finish.pool is None:
        function = finish_address(finish, source.element, source.lanes, source.n_elements % source.lanes)
        sizes: tuple[int, ...] = _whole(source)
    else:
        rest = source.block % source.lanes
        function = pool_address(finish, finish.pool, source.element, source.lanes, rest, taps is not None)
        sizes = (*source.axes, *result.axes, source.block)
    other = None if taps is None else result.beside(taps, 1)
    builder.add_channels(function, sizes, source.samples, (source.maps(), result.maps(), scales, other))


def add_pool_gradient(
    builder: ScriptBuilder, gradient: BlockMap, result: BlockMap, pool: MaxPool, taps: Address
) -> None:
    """Hand what flows back through a pooling to its maxima."""
    function = pool_gradient_address(pool, result.element, result.lanes, result.block % result.lanes)
    sizes = (*result.axes, *gradient.axes, result.block)
    maps = (gradient.maps(), result.maps(), None, gradient.beside(taps, 1))
    builder.add_channels(function, sizes, result.samples, maps)


def add_average(builder: ScriptBuilder, source: BlockMap, result: BlockMap) -> None:
    """Average a map to the size of the result (adaptive average pooling)."""
    function = average_address("forward", source.element, source.lanes, source.block % source.lanes)
    sizes = (*source.axes, *result.axes, source.block)
    builder.add_channels(function, sizes, source.samples, (source.maps(), result.maps(), None, None))


def add_average_gradient(builder: ScriptBuilder, gradient: BlockMap, result: BlockMap) -> None:
    """Add to the gradient of a map what flows back through its averaging."""
    function = average_address("gradient", result.element, result.lanes, result.block % result.lanes)
    sizes = (*result.axes, *gradient.axes, result.block)
    builder.add_channels(function, sizes, result.samples, (gradient.maps(), result.maps(), None, None))


def add_rectify_gradient(builder: ScriptBuilder, gradient: BlockMap, after: BlockMap, result: BlockMap) -> None:
    """Hand what flows back through a ReLU, which returned `after`, to the map before it."""
    function = _address(rectify_gradient_function, after.element, after.lanes, after.n_elements % after.lanes)
    maps = (gradient.maps(), result.maps(), None, after.maps())
    builder.add_channels(function, _whole(after), after.samples, maps)


def add_drop(
    builder: ScriptBuilder, source: BlockMap, result: BlockMap, draws: Address, threshold: int, *, adds: bool
) -> None:
    """Drop elements of a map, or of a gradient; see `swann.nn.kernels._block_assembly.drop_function`."""
    rest = source.n_elements % source.lanes
    function = _address(drop_function, source.element, source.lanes, rest, threshold, adds=adds)
    maps = (source.maps(), result.maps(), None, source.beside(draws, 2))
    builder.add_channels(function, _whole(source), source.samples, maps)


@dataclass(frozen=True)
class Norm:
    """A batch norm.

    Args:
        epsilon: added to variances.
        momentum: share of the batch in the running statistics; None where there are none, or they stay.
        is_fixed: whether it scales and shifts by the running statistics.
        weight: of the channels.
        bias: of the channels.
        mean: the running means, if any.
        variance: the running variances, if any.
        kept: what the backward pass needs, 16 bytes a channel.
    """

    epsilon: float
    momentum: float | None
    is_fixed: bool
    weight: Address
    bias: Address
    mean: Address | None
    variance: Address | None
    kept: Address


def add_statistics(builder: ScriptBuilder, source: BlockMap, norm: Norm) -> Held:
    """Find what a norm scales and shifts a map by, and move its running statistics; return these numbers' place."""
    size = ELEMENTS[source.element][2]
    sums: Address = 0
    stride = 0
    if norm.is_fixed:
        function = _address(fixed_statistics_function, source.element)
    else:
        sums, stride = _add_sums(builder, source, source)
        function = _address(statistics_function, source.element, moves=norm.momentum is not None)
    numbers = builder.buffer(2 * size * source.n_nodes)
    others = (norm.weight, norm.bias, norm.mean, norm.variance)
    maps = [
        *(numbers_of(sums, 2, _DOUBLE), numbers_of(numbers, 2, size), numbers_of(norm.kept, 2, _DOUBLE)),
        *(None if other is None else numbers_of(other, 1, size) for other in others),
    ]
    sizes = _norm_sizes(source, stride, norm)
    builder.add_channels(function, sizes, (1, source.n_nodes), maps)
    return numbers


def add_norm_gradient(
    builder: ScriptBuilder,
    gradient: BlockMap,
    source: BlockMap,
    result: BlockMap,
    norm: Norm,
    of_weight: Address | None,
    of_bias: Address | None,
) -> None:
    """Hand what flows back through a norm to the map before it, and store the gradients of its weights and biases.

    Args:
        builder: the script.
        gradient: of the norm's map.
        source: the map before it.
        result: the gradient of that.
        norm: the norm.
        of_weight: where the gradients of the weights go; None if nobody asks.
        of_bias: the same of the biases.
    """
    size = ELEMENTS[source.element][2]
    sums, stride = _add_sums(builder, gradient, source)
    numbers = builder.buffer(3 * size * source.n_nodes)
    places = [
        numbers_of(builder.buffer(size * source.n_nodes) if place is None else place, 1, size)
        for place in (of_weight, of_bias)
    ]
    maps = [
        *(numbers_of(sums, 2, _DOUBLE), numbers_of(numbers, 3, size), numbers_of(norm.kept, 2, _DOUBLE)),
        *(*places, numbers_of(norm.weight, 1, size), None),
    ]
    sizes = _norm_sizes(source, stride, norm)
    function = _address(norm_gradient_function, source.element, is_fixed=norm.is_fixed)
    builder.add_channels(function, sizes, (1, source.n_nodes), maps)
    function = norm_address("combination", source.element, source.lanes, source.n_elements % source.lanes)
    of_maps = (gradient.maps(), result.maps(), numbers_of(numbers, 3, size), source.maps())
    builder.add_channels(function, _whole(source), source.samples, of_maps)


def add_bias_gradient(builder: ScriptBuilder, gradient: BlockMap, result: Address) -> None:
    """Store the gradients of a layer's biases, given that of its map."""
    sums, stride = _add_sums(builder, gradient, gradient)
    maps = [numbers_of(sums, 2, _DOUBLE), *[None] * 3, numbers_of(result, 1, ELEMENTS[gradient.element][2]), None, None]
    builder.add_channels(
        _address(total_function, gradient.element), (gradient.n_blocks, stride, 1, 0, 0), (1, gradient.n_nodes), maps
    )


def _add_sums(builder: ScriptBuilder, first: BlockMap, second: BlockMap) -> tuple[Held, int]:
    """Sum each channel's map and its products with another one; return where, and bytes between the sums of blocks."""
    of_block = 2 * _DOUBLE * first.n_nodes
    sums = builder.buffer(first.n_blocks * of_block)
    function = norm_address("sums", first.element, first.lanes, first.n_elements % first.lanes)
    maps = (first.maps(), Maps(sums, 2 * _DOUBLE, of_block), None, second.maps())
    builder.add_channels(function, _whole(first), first.samples, maps)
    return sums, of_block


def _norm_sizes(source: BlockMap, stride: int, norm: Norm) -> tuple[int, ...]:
    """Return the last columns of a table for a norm; see `swann.nn.kernels._block_assembly.NORM_TABLE`."""
    bits = np.array([norm.epsilon, norm.momentum or 0.0]).view(np.int64)
    return source.n_blocks, stride, source.n_blocks * source.n_elements, *map(int, bits)


def _whole(source: BlockMap) -> tuple[int, int, int, int, int]:
    return 1, 1, 1, 1, source.n_elements


@cache
def _address(emit: Callable[..., str], *arguments: object, **options: object) -> int:
    return compile_function(emit(*arguments, **options), "run")
