"""Batch norms of blocks in training mode."""

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ._finish import NORMS
from ._hooks import has_hooks
from .kernels import batch_norm


def can_train(norm: _BatchNorm, blocks: Tensor) -> bool:
    """Return whether `trained_norm` does what a norm does to blocks in training mode."""
    numbers = (blocks, norm.weight, norm.bias, norm.running_mean, norm.running_var)
    return (
        type(norm) in NORMS
        and norm.training
        and norm.num_features == blocks.shape[1]
        and blocks.numel() > blocks.shape[1]
        and all(each is None or each.dtype == torch.float32 for each in numbers)
        and not has_hooks(norm)
    )


def trained_norm(norm: _BatchNorm, blocks: Tensor, *, rectifies: bool = False, overwrites: bool = False) -> Tensor:
    """Return blocks normalised by their own statistics, which move those that the norm keeps, as the module does.

    Args:
        norm: the module.
        blocks: of shape `[blocks, channels, *size, block]`.
        rectifies: see `swann.nn.kernels.batch_norm`.
        overwrites: see there.
    """
    result, mean, variance = batch_norm(
        blocks, norm.weight, norm.bias, norm.eps, rectifies=rectifies, overwrites=overwrites
    )
    if norm.track_running_stats and norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    if norm.track_running_stats and norm.running_mean is not None and norm.running_var is not None:
        n_elements = blocks.numel() // blocks.shape[1]
        share = norm.momentum
        if share is None:
            share = 1 / float(norm.num_batches_tracked) if norm.num_batches_tracked is not None else 0.0
        with torch.no_grad():
            norm.running_mean.mul_(1 - share).add_(mean, alpha=share)
            norm.running_var.mul_(1 - share).add_(variance, alpha=share * n_elements / (n_elements - 1))
    return result
