from typing import Any

import torch
from torch import Tensor

from ._block_map import BlockMap
from ._channel_calls import element_call, run_on_channels
from ._finish import finish_
from ._finish_assembly import Finish
from ._norm_assembly import combination_function, sums_function
from ._operator import check_backward

_NORM = Finish(("affine",))
_RECTIFIED_NORM = Finish(("relu", "affine"))


def batch_norm(
    blocks: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    eps: float,
    *,
    rectifies: bool = False,
    overwrites: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """Return blocks normalised by the mean and the variance of each channel, and these two.

    Sums are float64.

    Args:
        blocks: of shape `[blocks, channels, *size, block]`, float32.
        weight: of shape `[channels]`; None for ones.
        bias: of shape `[channels]`; None for zeros.
        eps: added to the variance.
        rectifies: whether negative elements count as zeros: a ReLU before the norm, whose map is never made.
        overwrites: whether the backward pass may write its result over the gradient that it is given, which nobody
            else may read then.

    Returns:
        The result, and of shape `[channels]`, float64 and without a gradient, means and variances (over n, not n - 1).
    """
    result: tuple[Tensor, Tensor, Tensor] = _BatchNorm.apply(blocks, weight, bias, eps, rectifies, overwrites)
    return result


class _BatchNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        blocks: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        eps: float,
        rectifies: bool,
        overwrites: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        blocks = blocks.contiguous()
        n_elements = blocks.numel() / blocks.shape[1]
        total, of_squares = _sums(blocks, blocks, ("source", "other") if rectifies else ())
        mean = total / n_elements
        variance = (of_squares / n_elements - mean * mean).clamp_(min=0)
        scale = (variance + eps).rsqrt_()
        inverse = scale
        if weight is not None:
            scale = scale * weight
        shift = -mean * scale
        numbers = torch.stack((scale, shift if bias is None else shift + bias), 1).to(blocks.dtype).unsqueeze(1)
        result = torch.empty_like(blocks)
        finish_(blocks, result, _RECTIFIED_NORM if rectifies else _NORM, numbers)
        ctx.save_for_backward(blocks, weight, mean, inverse)
        ctx.has_bias, ctx.overwrites = bias is not None, overwrites
        ctx.rectified = ("other",) if rectifies else ()
        ctx.mark_non_differentiable(mean, variance)
        return result, mean, variance

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor | None, ...]:
        check_backward(gradient)
        blocks, weight, mean, inverse = ctx.saved_tensors
        gradient = gradient.contiguous()
        n_elements = blocks.numel() / blocks.shape[1]
        of_bias, of_products = _sums(gradient, blocks, ctx.rectified)
        of_weight = (of_products - mean * of_bias) * inverse
        of_blocks = None
        if ctx.needs_input_grad[0]:
            scale = inverse if weight is None else inverse * weight
            slope = -scale * inverse * of_weight / n_elements
            numbers = torch.stack((scale, slope, -scale * of_bias / n_elements - slope * mean), 1)
            of_blocks = gradient if ctx.overwrites else torch.empty_like(blocks)
            call = element_call(combination_function, BlockMap.of(blocks), rectified=ctx.rectified)
            run_on_channels(call, gradient, of_blocks, numbers.to(blocks.dtype), blocks)
        kind = blocks.dtype
        return (
            of_blocks,
            None if weight is None else of_weight.to(kind),
            of_bias.to(kind) if ctx.has_bias else None,
            *(None, None, None),
        )


def _sums(source: Tensor, other: Tensor, rectified: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Return for each channel the sum of a map's elements, and of their products with those of another one."""
    result = source.new_empty(*source.shape[:2], 2, dtype=torch.float64)
    call = element_call(sums_function, BlockMap.of(source), rectified=rectified)
    run_on_channels(call, source, result, other=other)
    total = result.sum(0)
    return total[:, 0], total[:, 1]
