from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ._geometry import LinkShape

_SMALL_BATCH = 8


def needs_columns(blocks: Tensor) -> bool:
    """Return whether the batch is too small to fill vectors, so that neighbouring places have to."""
    return blocks.shape[0] == 1 and blocks.shape[-1] < _SMALL_BATCH


def to_columns(source: Tensor, shape: LinkShape) -> Tensor:
    """Return the places of a map that each tap meets, of shape `[sources, taps, target places · batch]`.

    Args:
        source: of shape `[1, sources, *source, batch]`.
        shape: the link's shape.
    """
    result: Tensor = _Columns.apply(source, shape)
    return result


class _Columns(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, source: Tensor, shape: LinkShape) -> Tensor:
        ctx.shape, ctx.source_shape = shape, source.shape
        return gather_columns(source, shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return scatter_columns(gradient, ctx.source_shape, ctx.shape), None


def gather_columns(source: Tensor, shape: LinkShape) -> Tensor:
    """Return what `to_columns` returns, without a gradient."""
    padded = F.pad(source[0], (0, 0, *_padding(shape))).contiguous()
    _, *steps, last = padded.stride()
    windows = padded.as_strided(
        (padded.shape[0], *shape.kernel, *shape.target, padded.shape[-1]),
        (
            padded.stride(0),
            *(step * dilation for step, dilation in zip(steps, shape.dilation, strict=True)),
            *(step * stride for step, stride in zip(steps, shape.stride, strict=True)),
            last,
        ),
    )
    return windows.clone(memory_format=torch.contiguous_format).view(padded.shape[0], shape.n_taps, -1)


def scatter_columns(gradient: Tensor, source_shape: torch.Size, shape: LinkShape) -> Tensor:
    """Return the gradient of the map that `gather_columns` was given, from that of its columns."""
    padding = _padding(shape)
    padded = F.pad(gradient.new_zeros(source_shape[1:]), (0, 0, *padding))
    by_tap = gradient.reshape(gradient.shape[0], shape.n_taps, *shape.target, source_shape[-1])
    for number, tap in enumerate(np.ndindex(*shape.kernel)):
        places = tuple(
            slice(t * dilation, t * dilation + (n - 1) * stride + 1, stride)
            for t, dilation, n, stride in zip(tap, shape.dilation, shape.target, shape.stride, strict=True)
        )
        padded[(slice(None), *places)] += by_tap[:, number]
    return F.pad(padded, (0, 0, *(-amount for amount in padding))).unsqueeze(0)


def _padding(shape: LinkShape) -> list[int]:
    """Return the rows to add around a map so that every tap meets one, the last axis first."""
    amounts = []
    for axis in reversed(range(len(shape.source))):
        extent = (shape.target[axis] - 1) * shape.stride[axis] + shape.dilation[axis] * (shape.kernel[axis] - 1) + 1
        amounts += [shape.before[axis], extent - shape.source[axis] - shape.before[axis]]
    return amounts
