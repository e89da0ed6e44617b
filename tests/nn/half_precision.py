"""What products of bfloat16 are measured against, which the tests of this folder share."""

import pytest
import torch

from swann.nn._link import Link
from swann.nn.kernels import has_halves

needs_halves = pytest.mark.skipif(
    not has_halves((2, 16), torch.float32), reason="this processor has no products of bfloat16 (AVX-512 BF16)"
)


def rounded(tensor):
    """Return numbers rounded to bfloat16, of the type that they had."""
    return tensor.bfloat16().to(tensor.dtype)


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(_ctx, tensor):
        return rounded(tensor)

    @staticmethod
    def backward(_ctx, gradient):
        return gradient


class _RoundedGradient(torch.autograd.Function):
    @staticmethod
    def forward(_ctx, tensor):
        return tensor.clone()

    @staticmethod
    def backward(_ctx, gradient):
        return rounded(gradient)


def round_links(monkeypatch):
    """Let links multiply numbers rounded to bfloat16 where they are computed densely, forward and backward."""
    forward, dense_weight = Link.forward, Link.dense_weight

    def of_rounded(link, source, dropout, bias=None):
        found = _RoundedGradient.apply(forward(link, _Rounded.apply(link.pool(source)), dropout))
        return found if bias is None else found + bias.view(-1, *(1,) * (found.ndim - 2))

    monkeypatch.setattr(Link, "forward", of_rounded)
    monkeypatch.setattr(Link, "dense_weight", lambda link: _Rounded.apply(dense_weight(link)))


def length(tensors):
    """Return the norm of all numbers of some tensors."""
    return torch.cat([tensor.flatten().double() for tensor in tensors]).norm()


def relative_distance(found, expected):
    """Return how far some tensors are from others, as a fraction of their length."""
    return float(length([left - right for left, right in zip(found, expected, strict=True)]) / length(expected))
