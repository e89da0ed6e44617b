from torch import Tensor

from ._block_map import BlockMap
from ._channel_calls import Call, element_call, pool_call, run_on_channels
from ._finish_assembly import Finish, MaxPool, finish_function, pool_function, pool_gradient_function


def finish_call(finish: Finish, source: BlockMap, result: BlockMap, *, keeps_taps: bool) -> Call:
    """Return the call that takes the steps of a finish; see `finish_`."""
    if finish.pool is None:
        return element_call(finish_function, source, finish)
    return pool_call(pool_function, source, result, finish, finish.pool, keeps_taps=keeps_taps)


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
    call = finish_call(finish, BlockMap.of(source), BlockMap.of(result), keeps_taps=taps is not None)
    run_on_channels(call, source, result, scales, taps)


def pool_gradient(gradient: Tensor, taps: Tensor, pool: MaxPool, size: list[int]) -> Tensor:
    """Return the gradient of a map, of shape `size`, given that of what a pooling leaves and the taps of its maxima."""
    result = gradient.new_empty(size)
    call = pool_call(pool_gradient_function, BlockMap.of(result), BlockMap.of(gradient), pool)
    run_on_channels(call, gradient, result, other=taps)
    return result
