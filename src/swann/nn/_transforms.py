"""Passes that PyTorch does not just compute, but transforms, records or differentiates forward."""

import sys

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad

_PLAIN = (Tensor, nn.Parameter)


def is_transformed(*tensors: Tensor) -> bool:
    """Return whether a pass must consist of operations that PyTorch knows, since it has something of its own to do.

    That is so under `torch.func` (vmap, grad, jvp, …), in forward-mode differentiation, while `torch.jit.trace` or
    `make_fx` records, in modes that take operations over (fake tensors, counts of operations), and for tensors of
    other classes than PyTorch's own. Under `torch.compile` and `torch.export` it is not: they know the kernels.

    Args:
        tensors: that the pass reads.
    """
    return (
        torch._C._are_functorch_transforms_active()
        or torch._C._len_torch_dispatch_stack() > 0
        or forward_ad._current_level >= 0
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        or not all([type(each) in _PLAIN for each in tensors])  # noqa: C419, it takes half the time
    )


def is_exported_to_onnx() -> bool:
    """Return whether `torch.onnx.export` records a pass, for other programs, which do not know the kernels."""
    onnx = sys.modules.get("torch.onnx")  # which PyTorch imports with its first use
    return onnx is not None and bool(onnx.is_in_onnx_export())
