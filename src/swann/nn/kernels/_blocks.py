from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from ...trace import KINDS

BLOCK = 16
_ELEMENTWISE = (nn.Identity, nn.Dropout, nn.AlphaDropout)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


def to_blocks(maps: Tensor) -> Tensor:
    """Return maps with the samples of a block beside each other, of shape `[blocks, channels, *size, block]`.

    A block has 16 samples, or all of them where 16 does not divide their number.

    Args:
        maps: of shape `[batch, channels, *size]`.
    """
    n_samples = maps.shape[0]
    if torch.compiler.is_compiling() or n_samples == 0 or n_samples % BLOCK:  # a traced batch may be of any size
        return maps.movedim(0, -1).contiguous().unsqueeze(0)
    return maps.reshape(n_samples // BLOCK, BLOCK, *maps.shape[1:]).movedim(1, -1).contiguous()


def from_blocks(blocks: Tensor) -> Tensor:
    """Return blocks as maps of shape `[batch, channels, *size]`."""
    return blocks.movedim(-1, 1).reshape(blocks.shape[0] * blocks.shape[-1], *blocks.shape[1:-1])


def apply_to_blocks(module: nn.Module, blocks: Tensor) -> Tensor:
    """Return what a stage between two layers makes of blocks, without moving them where that can be had.

    Args:
        module: a stage, see `swann.trace.KINDS`.
        blocks: of shape `[blocks, channels, *size, block]`.
    """
    name = type(module).__name__
    kind = KINDS.get(name) if type(module) is getattr(nn, name, None) else None  # None for what was put in its place
    if kind == "activation" or type(module) in _ELEMENTWISE:
        return cast(Tensor, module(blocks))
    if kind == "flatten":
        return blocks.flatten(1, -2)
    if type(module) in _BATCH_NORMS:
        if isinstance(module, nn.BatchNorm1d):
            flat = blocks.flatten(2)
        else:
            flat = blocks.reshape(*blocks.shape[:2], -1, blocks.shape[-1])
            flat = flat.unsqueeze(-1) if isinstance(module, nn.BatchNorm3d) else flat
        return cast(Tensor, module(flat)).view(blocks.shape)
    if kind in ("pool", "pad") or (kind == "dropout" and blocks.ndim > 3):
        return apply_by_channel(module, blocks)
    return to_blocks(module(from_blocks(blocks)))


def apply_by_channel(operation: Callable[[Tensor], Tensor], blocks: Tensor) -> Tensor:
    """Return what an operation that works on each channel alone makes of blocks.

    Args:
        operation: it is given maps of shape `[blocks · channels, block, *size]`, samples in the place of channels.
        blocks: of shape `[blocks, channels, *size, block]`.
    """
    result = operation(blocks.movedim(-1, 2).flatten(0, 1)).movedim(1, -1)
    return result.reshape(*blocks.shape[:2], *result.shape[1:])
