"""Stages after a layer that the kernels take over from their modules."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ._hooks import has_hooks
from .kernels import MAX_TAPS, Finish, Finishing, MaxPool, Step

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
_MAX_POOLS = {nn.MaxPool1d: 1, nn.MaxPool2d: 2}

Shape = tuple[int, ...]


def finishing_of(
    stages: nn.Sequential, n_channels: int, size: Shape, dtype: torch.dtype
) -> tuple[Finishing | None, int]:
    """Return what the kernels do of the stages after a layer, and how many of the first stages that is.

    Without gradients these are ReLUs, batch norms in evaluation mode and one maximum pooling over one or two axes; with
    gradients such a pooling, alone or with ReLUs. The first stage of another class, or with hooks, and all after it are
    left to their modules.

    Args:
        stages: in order.
        n_channels: of the layer's map.
        size: its spatial size.
        dtype: its type, float32 or float64.
    """
    trains = torch.is_grad_enabled()
    before: list[Step] = []
    after: list[Step] = []
    scales: list[Tensor] = []
    pool: MaxPool | None = None
    number = 0
    for stage in stages:
        if has_hooks(stage):
            break
        steps = before if pool is None else after
        if type(stage) is nn.ReLU:
            steps.append("relu")
        elif not trains and isinstance(stage, _BatchNorm) and _is_fixed(stage, n_channels, dtype):
            steps.append("affine")
            scales.append(_scale_and_shift(stage))
        elif pool is None and isinstance(stage, (nn.MaxPool1d, nn.MaxPool2d)):
            pool, size = pool_of(stage, size)
            if pool is None:
                break
            while before[-1:] == ["relu"]:  # the same after the pooling, where there is less to do
                after.append(before.pop())
        else:
            break
        number += 1
    if number == 0 or (trains and pool is None):
        return None, 0
    return Finishing(
        Finish(tuple(before), pool, tuple(after)), torch.stack(scales, 1) if scales else None, size
    ), number


def _is_fixed(norm: _BatchNorm, n_channels: int, dtype: torch.dtype) -> bool:
    """Return whether a norm scales and shifts each channel by the same numbers, whatever the batch."""
    if type(norm) not in NORMS or norm.training or norm.running_mean is None or norm.running_var is None:
        return False
    numbers = (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    return all(each is None or (each.dtype == dtype and each.shape == (n_channels,)) for each in numbers)


def _scale_and_shift(norm: _BatchNorm) -> Tensor:
    """Return the scale and the shift of each channel, of shape `[channels, 2]`."""
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    scale = (variance + norm.eps).rsqrt()
    if norm.weight is not None:
        scale = scale * norm.weight
    shift = -mean * scale
    return torch.stack((scale, shift if norm.bias is None else shift + norm.bias), 1)


def pool_of(stage: nn.MaxPool1d | nn.MaxPool2d, size: Shape) -> tuple[MaxPool | None, Shape]:
    """Return a pooling as the kernels know it, None if they do not, and the size of the map that it leaves."""
    n_axes = len(size)
    if _MAX_POOLS.get(type(stage)) != n_axes or stage.return_indices:
        return None, size
    kernel, stride, padding, dilation = (
        (value,) * n_axes if isinstance(value, int) else tuple(value)
        for value in (stage.kernel_size, stage.stride, stage.padding, stage.dilation)
    )
    pooled = []
    for length, width, step, before in zip(size, kernel, stride, padding, strict=True):
        beyond = length + 2 * before - width
        count = (-(-beyond // step) if stage.ceil_mode else beyond // step) + 1
        pooled.append(count - 1 if (count - 1) * step >= length + before else count)  # a window begins in the map
    too_large = any(width > length + 2 * before for width, length, before in zip(kernel, size, padding, strict=True))
    too_wide = any(2 * before > width for width, before in zip(kernel, padding, strict=True))
    if too_large or too_wide or any(spread != 1 for spread in dilation) or torch.Size(kernel).numel() > MAX_TAPS:
        return None, size
    axes = [(1, 1, 0)] * (2 - n_axes) + list(zip(kernel, stride, padding, strict=True))
    (first, second) = axes
    return MaxPool(*zip(first, second, strict=True)), tuple(pooled)
