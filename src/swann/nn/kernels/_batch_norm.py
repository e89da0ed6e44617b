import math
from functools import cache
from typing import Any

import torch
from torch import Tensor

from ._code import Element
from ._compile import compile_function, vector_bytes
from ._finish import finish_, run_on_channels
from ._finish_assembly import Finish
from ._gather import ELEMENTS
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
            run_on_channels(
                norm_address("combination", *_vectors(blocks), ctx.rectified),
                (1, 1, 1, 1, math.prod(blocks.shape[2:])),
                *(gradient, of_blocks, numbers.to(blocks.dtype), blocks),
            )
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
    function = norm_address("sums", *_vectors(source), rectified)
    run_on_channels(function, (1, 1, 1, 1, math.prod(source.shape[2:])), source, result, other=other)
    total = result.sum(0)
    return total[:, 0], total[:, 1]


def _vectors(blocks: Tensor) -> tuple[Element, int, int]:
    lanes = vector_bytes() // blocks.element_size()
    return ELEMENTS[blocks.dtype], lanes, math.prod(blocks.shape[2:]) % lanes


@cache
def norm_address(name: str, element: Element, lanes: int, rest: int, rectified: tuple[str, ...] = ()) -> int:
    emit = sums_function if name == "sums" else combination_function
    return compile_function(emit(element, lanes, rest, rectified), "run")
