from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ._average_pool import add_average_gradient_, average_pool
from ._finish import pool_gradient
from ._finished_layer import Finishing, compute_finished_layer
from ._gather import ELEMENTS
from ._geometry import LinkShape, unflatten
from ._halves import to_halves
from ._operator import bias_gradient, check_backward, compute_layer, contiguous
from ._passes import input_gradient_, weight_gradients


@dataclass(frozen=True)
class _Reader:
    """A link that starts at a map, and the gradient of the map at its end."""

    gradient: Tensor
    weight: Tensor
    wiring: Tensor
    shape: LinkShape


@dataclass(frozen=True)
class _Map:
    """A map whose gradient is summed, by its shape and type."""

    shape: torch.Size
    dtype: torch.dtype

    @property
    def nbytes(self) -> int:
        return self.shape.numel() * self.dtype.itemsize


class SharedGradients:
    """The gradients of one forward pass's maps while later layers add to them.

    A map that many layers read would get a gradient of its full size from each of them, most of it zeros, to be summed
    by autograd. Here all its readers add to one tensor; the first reader of the forward pass, whose turn is last in
    the backward pass, hands it on. Readers are noted down until what they hold, the gradients of the maps where their
    links end, is as large as that tensor: late maps are small, and when the backward pass begins most memory is in
    use. For the same reason what flows back through a pooling waits in its small form.
    """

    def __init__(self) -> None:
        self._task = -1
        self._readers: dict[int, list[_Reader]] = {}
        self._pools: dict[int, list[Tensor]] = {}
        self._sums: dict[int, Tensor] = {}

    def add(self, number: int, source: _Map, reader: _Reader) -> None:
        """Add what flows back through a link to the gradient of map `number`, which is `source`."""
        self._begin()
        readers = self._readers.setdefault(number, [])
        readers.append(reader)
        if sum(each.gradient.nbytes for each in readers) >= source.nbytes:
            self._sum(number, source)

    def add_pool(self, number: int, gradient: Tensor) -> None:
        """Add what flows back through an averaging to the gradient of map `number`."""
        self._begin()
        self._pools.setdefault(number, []).append(gradient)

    def take(self, number: int, source: _Map) -> Tensor:
        """Return the whole gradient of map `number`, which is `source`, and forget it."""
        self._sum(number, source)
        for gradient in self._pools.pop(number, []):
            add_average_gradient_(self._sums[number], gradient)
        return self._sums.pop(number).to(source.dtype)

    def _begin(self) -> None:
        task = torch._C._current_graph_task_id()
        if task != self._task:  # what a backward pass that ended early has left
            self._task = task
            for kept in (self._readers, self._pools, self._sums):
                kept.clear()

    def _sum(self, number: int, source: _Map) -> None:
        readers = self._readers.pop(number, [])
        if number not in self._sums:
            kind = source.dtype if source.dtype in ELEMENTS else torch.float32
            self._sums[number] = torch.zeros(source.shape, dtype=kind)
        gradients, weights, wirings = (
            [getattr(reader, name) for reader in readers] for name in ("gradient", "weight", "wiring")
        )
        shapes = [part for reader in readers for part in reader.shape.flat()]
        input_gradient_(self._sums[number], gradients, weights, wirings, shapes)


class _SharedPool(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, shared: SharedGradients, number: int, is_first: bool, size: tuple[int, ...], source: Tensor
    ) -> Tensor:
        ctx.source = _Map(source.shape, source.dtype)
        ctx.shared, ctx.number, ctx.is_first = shared, number, is_first
        return average_pool(source, size)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        check_backward(gradient)
        ctx.shared.add_pool(ctx.number, gradient)
        return None, None, None, None, ctx.shared.take(ctx.number, ctx.source) if ctx.is_first else None


def shared_pool(shared: SharedGradients, number: int, is_first: bool, size: tuple[int, ...], source: Tensor) -> Tensor:
    """Return a map averaged to a size, whose gradient flows back to the map when all its other readers' have.

    Args:
        shared: the gradients of this forward pass.
        number: of the map.
        is_first: whether no earlier call of this forward pass was given the map.
        size: spatial size of the result.
        source: the map, of shape `[blocks, channels, *size, block]`.
    """
    result: Tensor = _SharedPool.apply(shared, number, is_first, size, source)
    return result


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
        finishing: Finishing | None,
        halves: list[Tensor] | None,
        *operands: Tensor,
    ) -> Tensor:
        n_links = len(numbers)
        sources, weights, wirings = (list(operands[n_links * part : n_links * (part + 1)]) for part in range(3))
        ctx.shared, ctx.numbers, ctx.is_first, ctx.shapes, ctx.has_bias, ctx.size, ctx.pool = (
            *(shared, numbers, is_first, shapes),
            *(bias is not None, size, None),
        )
        ctx.sources = [_Map(source.shape, source.dtype) for source in sources]
        ctx.halves = halves is not None
        taps = None
        if finishing is None:
            result = compute_layer(sources, weights, wirings, bias, shapes, size, halves)
        else:
            ctx.pool = finishing.finish.pool
            keeps_taps = any(ctx.needs_input_grad)
            exact = contiguous(sources) if halves is None else sources, contiguous(weights), contiguous(wirings)
            result, taps = compute_finished_layer(
                *exact, bias, shapes, size, finishing, keeps_taps=keeps_taps, halves=halves
            )
        ctx.save_for_backward(*(sources if halves is None else halves), *weights, *wirings, taps)
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        check_backward(gradient)
        gradient = gradient.contiguous()
        *operands, taps = ctx.saved_tensors
        if ctx.pool is not None:
            gradient = pool_gradient(gradient, taps, ctx.pool, ctx.size)
        of_bias = bias_gradient(gradient) if ctx.has_bias else None
        if ctx.halves:
            gradient = to_halves(gradient)
        n_links, kept = len(ctx.numbers), contiguous(operands)
        sources, weights, wirings = (kept[n_links * part : n_links * (part + 1)] for part in range(3))
        wanted = ctx.needs_input_grad[8:]
        of_sources: list[Tensor | None] = [None] * n_links
        for link, (number, shape) in enumerate(zip(ctx.numbers, unflatten(tuple(ctx.shapes)), strict=True)):
            if wanted[link]:
                ctx.shared.add(number, ctx.sources[link], _Reader(gradient, weights[link], wirings[link], shape))
        for link, (number, is_first) in enumerate(zip(ctx.numbers, ctx.is_first, strict=True)):
            if wanted[link] and is_first:
                of_sources[link] = ctx.shared.take(number, ctx.sources[link])
        of_weights = weight_gradients(gradient, sources, weights, wirings, ctx.shapes, wanted[n_links : 2 * n_links])
        return None, None, None, None, None, of_bias, None, None, *of_sources, *of_weights, *(None,) * n_links


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
    finishing: Finishing | None = None,
    halves: list[Tensor] | None = None,
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
        finishing: the first steps after the sums, if any are to be taken here; where a gradient is wanted, a pooling
            with or without a ReLU.
        halves: the sources in halves, if products are to be of bfloat16, in the backward pass too.
    """
    result: Tensor = _SharedLayer.apply(
        shared, numbers, is_first, shapes, size, bias, finishing, halves, *sources, *weights, *wirings
    )
    return result
