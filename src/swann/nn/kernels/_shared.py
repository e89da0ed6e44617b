from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._operator import bias_gradient, compute_layer, contiguous, refuse_second_derivative
from ._passes import input_gradients_, weight_gradients


class SharedGradients:
    """The gradients of one forward pass's maps while later layers add to them.

    A map that many layers read would get a gradient of its full size from each of them, most of it zeros, to be summed
    by autograd. Here all its readers add to one tensor; the first reader of the forward pass, whose turn is last in
    the backward pass, hands it on.
    """

    def __init__(self) -> None:
        self._task = -1
        self._gradients: dict[int, Tensor] = {}

    def of(self, number: int, source: Tensor) -> Tensor:
        """Return the gradient of map `number` so far, to be added to."""
        task = torch._C._current_graph_task_id()
        if task != self._task:  # what a backward pass that ended early has left
            self._task = task
            self._gradients.clear()
        if number not in self._gradients:
            self._gradients[number] = torch.zeros_like(source)
        return self._gradients[number]

    def take(self, number: int) -> Tensor:
        """Return the whole gradient of map `number` and forget it."""
        return self._gradients.pop(number)


class _SharedLayer(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        shared: SharedGradients,
        numbers: Sequence[int],
        is_first: Sequence[bool],
        shapes: list[int],
        size: list[int],
        bias: Tensor | None,
        *operands: Tensor,
    ) -> Tensor:
        n_links = len(numbers)
        sources, weights, wirings = (list(operands[n_links * part : n_links * (part + 1)]) for part in range(3))
        ctx.save_for_backward(*operands)
        ctx.shared, ctx.numbers, ctx.is_first, ctx.shapes, ctx.has_bias = (
            *(shared, numbers, is_first, shapes),
            bias is not None,
        )
        return compute_layer(sources, weights, wirings, bias, shapes, size, False)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        refuse_second_derivative()
        gradient = gradient.contiguous()
        n_links, kept = len(ctx.numbers), contiguous(ctx.saved_tensors)
        sources, weights, wirings = (kept[n_links * part : n_links * (part + 1)] for part in range(3))
        wanted = ctx.needs_input_grad[6:]
        sums = [
            ctx.shared.of(number, source) if want else None
            for number, source, want in zip(ctx.numbers, sources, wanted, strict=False)
        ]
        input_gradients_(sums, gradient, weights, wirings, ctx.shapes, False)
        of_sources = [
            ctx.shared.take(number) if want and is_first else None
            for number, want, is_first in zip(ctx.numbers, wanted, ctx.is_first, strict=False)
        ]
        of_weights = weight_gradients(
            gradient, sources, weights, wirings, ctx.shapes, False, wanted[n_links : 2 * n_links]
        )
        of_bias = bias_gradient(gradient) if ctx.has_bias else None
        return None, None, None, None, None, of_bias, *of_sources, *of_weights, *(None,) * n_links


def shared_layer(
    shared: SharedGradients,
    numbers: Sequence[int],
    is_first: Sequence[bool],
    sources: list[Tensor],
    weights: list[Tensor],
    wirings: list[Tensor],
    bias: Tensor | None,
    shapes: list[int],
    size: list[int],
) -> Tensor:
    """Return what `sparse_layer` returns; gradients of maps that several layers read are summed in place.

    Args:
        shared: the gradients of this forward pass.
        numbers: for each link the number of the map that it starts from.
        is_first: for each link whether no earlier call of this forward pass was given that map.
        sources: as for `sparse_layer`, as all that follows.
        weights: see there.
        wirings: see there.
        bias: see there.
        shapes: see there.
        size: see there.
    """
    result: Tensor = _SharedLayer.apply(shared, numbers, is_first, shapes, size, bias, *sources, *weights, *wirings)
    return result
