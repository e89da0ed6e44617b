"""Batch norm over the batch of all processes, so that several of them train as one does with the same batch."""

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextlib.contextmanager
def norms_over_processes(model: nn.Module, n_processes: int) -> Iterator[None]:
    """Let the batch norms of a model use, in training, the mean and variance over all processes within the block.

    Unlike `torch.nn.SyncBatchNorm` it works on a CPU too, and the model's modules stay what they are.

    Args:
        model: the same on every process; each process gives its norms as many values.
        n_processes: with one nothing changes.
    """
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)] if n_processes > 1 else []
    for norm in norms:
        norm.forward = partial(normalise, norm, n_processes)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward


def normalise(norm: _BatchNorm, n_processes: int, values: Tensor) -> Tensor:
    """Return what a batch norm makes of this process's share of a batch; moves its running statistics.

    Args:
        norm: in training or not.
        n_processes: each with as many values.
        values: [N, C, ...].
    """
    if not norm.training and norm.running_mean is not None:
        return type(norm).forward(norm, values)
    others = [axis for axis in range(values.ndim) if axis != 1]
    shape = [-1 if axis == 1 else 1 for axis in range(values.ndim)]
    wide = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
    count = n_processes * values.numel() // values.shape[1]
    mean = _total(wide.sum(others)) / count
    centred = wide - mean.view(shape)
    variance = _total(centred.square().sum(others)) / count
    if norm.training and norm.running_mean is not None and norm.running_var is not None:
        _move_statistics(norm, norm.running_mean, norm.running_var, mean, variance * count / (count - 1))
    result = centred * (variance + norm.eps).rsqrt().view(shape)
    if norm.weight is not None:
        result = result * norm.weight.view(shape) + norm.bias.view(shape)
    return result.to(values.dtype)


@torch.no_grad()
def _move_statistics(norm: _BatchNorm, of_mean: Tensor, of_variance: Tensor, mean: Tensor, variance: Tensor) -> None:
    rate = norm.momentum
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked += 1
        rate = 1 / int(norm.num_batches_tracked) if rate is None else rate
    of_mean.lerp_(mean.to(of_mean.dtype), rate or 0.0)
    of_variance.lerp_(variance.to(of_variance.dtype), rate or 0.0)


def _total(values: Tensor) -> Tensor:
    total: Tensor = _Total.apply(values)
    return total


class _Total(torch.autograd.Function):
    """The sum of a tensor over all processes. Each has a loss of its own, so gradients are summed as well."""

    @staticmethod
    def forward(_: Any, values: Tensor) -> Tensor:
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        torch.distributed.all_reduce(total)
        return total
