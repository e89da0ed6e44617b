"""Steps of a script for maps in blocks: activation, norm, pooling and dropout, and their gradients."""

from dataclasses import dataclass

import numpy as np

from ._arena import Held
from ._average_assembly import average_function, average_gradient_function
from ._block_assembly import (
    drop_function,
    fill_function,
    fixed_statistics_function,
    norm_gradient_function,
    rectify_gradient_function,
    statistics_function,
    total_function,
)
from ._block_map import BlockMap
from ._channel_calls import element_call, function_address, pool_call
from ._code import ELEMENTS
from ._finish import finish_call
from ._finish_assembly import Finish, MaxPool, pool_gradient_function
from ._halves import halve_call
from ._node_rows import constant
from ._norm_assembly import combination_function, sums_function
from ._schedule import Address, moved
from ._script import Maps, ScriptBuilder

_DOUBLE = 8


def numbers_of(place: Address, count: int, size: int) -> Maps:
    """Return where some numbers of each channel stand, one channel after the other, of some bytes each."""
    return Maps(place, count * size)


def add_fill(builder: ScriptBuilder, target: BlockMap, bias: Address | None) -> None:
    """Set a map to the biases of its channels, or to zeros."""
    place = constant(0, target.n_nodes, target.element) if bias is None else bias
    scales = numbers_of(place, 1, ELEMENTS[target.element][2])
    builder.add_channels(element_call(fill_function, target), target.samples, (None, target.maps(), scales, None))


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
    other = None if taps is None else result.beside(taps, 1)
    call = finish_call(finish, source, result, keeps_taps=taps is not None)
    builder.add_channels(call, source.samples, (source.maps(), result.maps(), scales, other))


def add_halves(builder: ScriptBuilder, source: BlockMap) -> BlockMap:
    """Put a map of an even number of blocks into halves, and return these."""
    halves = source.halved(builder.buffer(source.nbytes // 2))
    maps = source.maps()
    first, second = (
        Maps(moved(maps.place, offset), maps.of_channel, 2 * maps.of_block) for offset in (0, maps.of_block)
    )
    builder.add_channels(halve_call(source), halves.samples, (first, halves.maps(), None, second))
    return halves


def add_pool_gradient(
    builder: ScriptBuilder, gradient: BlockMap, result: BlockMap, pool: MaxPool, taps: Address
) -> None:
    """Hand what flows back through a pooling to its maxima."""
    maps = (gradient.maps(), result.maps(), None, gradient.beside(taps, 1))
    builder.add_channels(pool_call(pool_gradient_function, result, gradient, pool), result.samples, maps)


def add_average(builder: ScriptBuilder, source: BlockMap, result: BlockMap) -> None:
    """Average a map to the size of the result (adaptive average pooling)."""
    maps = (source.maps(), result.maps(), None, None)
    builder.add_channels(pool_call(average_function, source, result), source.samples, maps)


def add_average_gradient(builder: ScriptBuilder, gradient: BlockMap, result: BlockMap) -> None:
    """Add to the gradient of a map what flows back through its averaging."""
    maps = (gradient.maps(), result.maps(), None, None)
    builder.add_channels(pool_call(average_gradient_function, result, gradient), result.samples, maps)


def add_rectify_gradient(builder: ScriptBuilder, gradient: BlockMap, after: BlockMap, result: BlockMap) -> None:
    """Hand what flows back through a ReLU, which returned `after`, to the map before it."""
    maps = (gradient.maps(), result.maps(), None, after.maps())
    builder.add_channels(element_call(rectify_gradient_function, after), after.samples, maps)


def add_drop(
    builder: ScriptBuilder, source: BlockMap, result: BlockMap, draws: Address, threshold: int, *, adds: bool
) -> None:
    """Drop elements of a map, or of a gradient; see `swann.nn.kernels._block_assembly.drop_function`."""
    maps = (source.maps(), result.maps(), None, source.beside(draws, 2))
    call = element_call(drop_function, source, threshold=threshold, adds=adds)
    builder.add_channels(call, source.samples, maps)


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
        function = function_address(fixed_statistics_function, source.element)
    else:
        sums, stride = _add_sums(builder, source, source)
        function = function_address(statistics_function, source.element, moves=norm.momentum is not None)
    numbers = builder.buffer(2 * size * source.n_nodes)
    others = (norm.weight, norm.bias, norm.mean, norm.variance)
    maps = [
        *(numbers_of(sums, 2, _DOUBLE), numbers_of(numbers, 2, size), numbers_of(norm.kept, 2, _DOUBLE)),
        *(None if other is None else numbers_of(other, 1, size) for other in others),
    ]
    builder.add_channels((function, _norm_sizes(source, stride, norm)), (1, source.n_nodes), maps)
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
    function = function_address(norm_gradient_function, source.element, is_fixed=norm.is_fixed)
    builder.add_channels((function, _norm_sizes(source, stride, norm)), (1, source.n_nodes), maps)
    of_maps = (gradient.maps(), result.maps(), numbers_of(numbers, 3, size), source.maps())
    builder.add_channels(element_call(combination_function, source), source.samples, of_maps)


def add_bias_gradient(builder: ScriptBuilder, gradient: BlockMap, result: Address) -> None:
    """Store the gradients of a layer's biases, given that of its map."""
    sums, stride = _add_sums(builder, gradient, gradient)
    maps = [numbers_of(sums, 2, _DOUBLE), *[None] * 3, numbers_of(result, 1, ELEMENTS[gradient.element][2]), None, None]
    call = function_address(total_function, gradient.element), (gradient.n_blocks, stride, 1, 0, 0)
    builder.add_channels(call, (1, gradient.n_nodes), maps)


def _add_sums(builder: ScriptBuilder, first: BlockMap, second: BlockMap) -> tuple[Held, int]:
    """Sum each channel's map and its products with another one; return where, and bytes between the sums of blocks."""
    of_block = 2 * _DOUBLE * first.n_nodes
    sums = builder.buffer(first.n_blocks * of_block)
    maps = (first.maps(), Maps(sums, 2 * _DOUBLE, of_block), None, second.maps())
    builder.add_channels(element_call(sums_function, first), first.samples, maps)
    return sums, of_block


def _norm_sizes(source: BlockMap, stride: int, norm: Norm) -> tuple[int, ...]:
    """Return the last columns of a table for a norm; see `swann.nn.kernels._block_assembly.NORM_TABLE`."""
    bits = np.array([norm.epsilon, norm.momentum or 0.0]).view(np.int64)
    return source.n_blocks, stride, source.n_blocks * source.n_elements, *map(int, bits)
