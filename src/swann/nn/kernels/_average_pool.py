import torch
import torch.nn.functional as F
from torch import Tensor

from ._average_assembly import average_function, average_gradient_function
from ._block_map import BlockMap
from ._blocks import apply_by_channel
from ._channel_calls import pool_call, run_on_channels
from ._gather import ELEMENTS

Shape = tuple[int, ...]


def average_pool(blocks: Tensor, size: Shape) -> Tensor:
    """Return blocks averaged to a spatial size (adaptive average pooling), without a gradient.

    Args:
        blocks: of shape `[blocks, channels, *size, block]`.
        size: to average to.
    """
    if len(size) > 2:
        return _pooled_by_torch(blocks, size)
    exact = (blocks if blocks.dtype in ELEMENTS else blocks.float()).contiguous()
    result = exact.new_empty(*blocks.shape[:2], *size, blocks.shape[-1])
    run_on_channels(pool_call(average_function, BlockMap.of(exact), BlockMap.of(result)), exact, result)
    return result.to(blocks.dtype)


def add_average_gradient_(result: Tensor, gradient: Tensor) -> None:
    """Add to the gradient of blocks what flows back through their averaging.

    Args:
        result: of shape `[blocks, channels, *size, block]`, contiguous, float32 or float64.
        gradient: of the averaged blocks.
    """
    gradient = gradient.to(result.dtype).contiguous()
    if result.ndim > 5:
        with torch.enable_grad():
            leaf = torch.zeros_like(result, requires_grad=True)
            (found,) = torch.autograd.grad(_pooled_by_torch(leaf, tuple(gradient.shape[2:-1])), leaf, gradient)
        result += found
        return
    call = pool_call(average_gradient_function, BlockMap.of(result), BlockMap.of(gradient))
    run_on_channels(call, gradient, result)


def _pooled_by_torch(blocks: Tensor, size: Shape) -> Tensor:
    return apply_by_channel(lambda maps: F.adaptive_avg_pool3d(maps, (size[0], size[1], size[2])), blocks)
