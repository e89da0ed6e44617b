import math
from functools import cache

import numpy as np
from torch import Tensor

from ._code import Element
from ._compile import compile_function, vector_bytes
from ._finish_assembly import Finish, MaxPool, finish_function, pool_function, pool_gradient_function
from ._finish_code import FINISH_TASK
from ._gather import ELEMENTS
from ._threads import run_on_all_threads


def finish_(source: Tensor, result: Tensor, finish: Finish, scales: Tensor | None, taps: Tensor | None = None) -> None:
    """Take the steps of a finish in one pass over a map.

    Args:
        source: of shape `[blocks, channels, *size, block]`, contiguous; two axes at most where it is pooled.
        result: of shape `[blocks, channels, *pooled size, block]`, a channel's map contiguous; the source itself if
            the finish has no pooling.
        finish: the steps.
        scales: a scale and a shift for each channel and each affine step, of shape `[channels, steps, 2]`, contiguous;
            None if there is no such step.
        taps: takes at which tap of its window each maximum stood, of int8 and as the result; None if nobody asks.
    """
    block = source.shape[-1]
    element, lanes = ELEMENTS[source.dtype], vector_bytes() // source.element_size()
    if finish.pool is None:
        n_elements = math.prod(source.shape[2:])
        function = finish_address(finish, element, lanes, n_elements % lanes)
        run_on_channels(function, (1, 1, 1, 1, n_elements), source, result, scales)
    else:
        function = pool_address(finish, finish.pool, element, lanes, block % lanes, taps is not None)
        run_on_channels(function, (*axes_of(source), *axes_of(result), block), source, result, scales, taps)


def pool_gradient(gradient: Tensor, taps: Tensor, pool: MaxPool, size: list[int]) -> Tensor:
    """Return the gradient of a map, of shape `size`, given that of what a pooling leaves and the taps of its maxima."""
    result = gradient.new_empty(size)
    element, lanes = ELEMENTS[gradient.dtype], vector_bytes() // gradient.element_size()
    function = pool_gradient_address(pool, element, lanes, size[-1] % lanes)
    run_on_channels(function, (*axes_of(result), *axes_of(gradient), size[-1]), gradient, result, other=taps)
    return result


def run_on_channels(
    function: int,
    sizes: tuple[int, ...],
    source: Tensor,
    result: Tensor,
    scales: Tensor | None = None,
    other: Tensor | None = None,
) -> None:
    """Run a compiled function on the map of each channel of each block; see `swann.nn.kernels._finish_code`.

    Args:
        function: its address.
        sizes: the last columns of its table.
        source: of shape `[blocks, channels, ...]`, what follows contiguous.
        result: the same.
        scales: of shape `[channels, ...]`.
        other: the same.
    """
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


def axes_of(blocks: Tensor) -> tuple[int, int]:
    """Return the sizes of a map along two axes, the first 1 if there is one alone."""
    size = blocks.shape[2:-1]
    return (1, size[0]) if len(size) == 1 else (size[0], size[1])


@cache
def finish_address(finish: Finish, element: Element, lanes: int, rest: int) -> int:
    return compile_function(finish_function(finish, element, lanes, rest), "run")


@cache
def pool_address(finish: Finish, pool: MaxPool, element: Element, lanes: int, rest: int, keeps_taps: bool) -> int:
    return compile_function(pool_function(finish, pool, element, lanes, rest, keeps_taps=keeps_taps), "run")


@cache
def pool_gradient_address(pool: MaxPool, element: Element, lanes: int, rest: int) -> int:
    return compile_function(pool_gradient_function(pool, element, lanes, rest), "run")
