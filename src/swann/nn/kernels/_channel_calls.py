"""Calls of compiled functions that work through the maps of single channels; see `swann.nn.kernels._finish_code`."""

from collections.abc import Callable
from functools import cache

import numpy as np
from torch import Tensor

from ._block_map import BlockMap
from ._compile import compile_function
from ._finish_code import FINISH_TASK
from ._threads import run_on_all_threads

Call = tuple[int, tuple[int, ...]]
"""The address of a function, and the last columns of its table."""


def element_call(emit: Callable[..., str], source: BlockMap, *arguments: object, **options: object) -> Call:
    """Return the call of a function that does the same to each element of a map.

    Args:
        emit: writes the function, given `arguments`, the type of elements, those of a vector, those that fill no
            vector, and `options`.
        source: the map.
        arguments: see there.
        options: see there.
    """
    rest = source.n_elements % source.lanes
    function = function_address(emit, *arguments, source.element, source.lanes, rest, **options)
    return function, (1, 1, 1, 1, source.n_elements)


def pool_call(
    emit: Callable[..., str], source: BlockMap, pooled: BlockMap, *arguments: object, **options: object
) -> Call:
    """Return the call of a function that pools a map, or hands a gradient back; the others are as for `element_call`.

    Args:
        emit: writes the function.
        source: the larger map, of two axes at most.
        pooled: the smaller one.
        arguments: see there.
        options: see there.
    """
    rest = source.block % source.lanes
    function = function_address(emit, *arguments, source.element, source.lanes, rest, **options)
    return function, (*source.axes, *pooled.axes, source.block)


@cache
def function_address(emit: Callable[..., str], *arguments: object, **options: object) -> int:
    """Return the address of a function, compiled."""
    return compile_function(emit(*arguments, **options), "run")


def run_on_channels(
    call: Call, source: Tensor, result: Tensor, scales: Tensor | None = None, other: Tensor | None = None
) -> None:
    """Run a compiled function on the map of each channel of each block.

    Args:
        call: of the function.
        source: of shape `[blocks, channels, ...]`, what follows contiguous.
        result: the same.
        scales: of shape `[channels, ...]`.
        other: as the source.
    """
    function, sizes = call
    n_blocks, n_channels = source.shape[:2]
    if not source.numel():
        return
    tasks = np.zeros((n_blocks, n_channels, len(FINISH_TASK)), dtype=np.int64)
    for number, tensor in enumerate((source, result, scales, other)):
        if tensor is not None:
            of_block, of_channel = tensor.stride()[:2] if tensor is not scales else (0, tensor.stride(0))
            offsets = np.add.outer(of_block * np.arange(n_blocks), of_channel * np.arange(n_channels))
            tasks[..., number] = tensor.data_ptr() + tensor.element_size() * offsets
    table = np.array([0, n_blocks * n_channels, tasks.ctypes.data, *sizes], dtype=np.int64)
    run_on_all_threads(function, table.ctypes.data)
