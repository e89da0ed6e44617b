"""Average pooling of maps with channels last as products with a small matrix, several times as fast as PyTorch's."""

import math
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ._own import mark_own


class Pool(torch.autograd.Function):
    """Adaptive average pooling of a map of shape `[batch, channels, rows, columns]`."""

    @staticmethod
    def forward(ctx: Any, source: Tensor, size: tuple[int, int]) -> Tensor:
        """Return a map averaged to a size, with channels last in memory."""
        ctx.source, ctx.size = source.shape, size
        matrix = _matrix(tuple(source.shape[2:]), size, source.dtype, source.device)
        with torch.autocast(source.device.type, enabled=False):
            return _as_map(torch.bmm(matrix.expand(len(source), -1, -1), _as_rows(source)), size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Return the gradient of the map."""
        n_samples, _, *size = ctx.source
        matrix = _matrix(tuple(size), ctx.size, gradient.dtype, gradient.device)
        with torch.autocast(gradient.device.type, enabled=False):
            found = torch.bmm(matrix.T.expand(n_samples, -1, -1), _as_rows(gradient))
        return mark_own(_as_map(found, (size[0], size[1]))), None


def _as_rows(source: Tensor) -> Tensor:
    """Return a map as `[batch, places, channels]`."""
    return source.permute(0, 2, 3, 1).flatten(1, 2)


def _as_map(rows: Tensor, size: tuple[int, int]) -> Tensor:
    """Return `[batch, places, channels]` as a map."""
    return rows.view(len(rows), *size, rows.shape[2]).permute(0, 3, 1, 2)


@cache
def _matrix(source: tuple[int, int], size: tuple[int, int], kind: torch.dtype, device: torch.device) -> Tensor:
    """Return what each place of a map adds to each place of its average, `[places of the average, places]`."""
    with torch.inference_mode(False), torch.autocast(device.type, enabled=False):
        places = torch.eye(math.prod(source), device=device).view(-1, *source)
        return F.adaptive_avg_pool2d(places, size).flatten(1).T.to(kind).contiguous()
