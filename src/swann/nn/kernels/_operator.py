from typing import Any

import torch
from torch import Tensor

from ..._errors import InvalidValueError
from ._check import check_links
from ._geometry import unflatten
from ._passes import forward_, input_gradient_, set_to_bias_, weight_gradients

_LIBRARY = torch.library.Library("swann", "DEF")  # type: ignore[no-untyped-call]
_LIBRARY.define(  # type: ignore[no-untyped-call]
    "sparse_layer(Tensor[] sources, Tensor[] weights, Tensor[] wirings, Tensor? bias, int[] shapes, SymInt[] size) "
    "-> Tensor"
)
_LIBRARY.define(  # type: ignore[no-untyped-call]
    "sparse_layer_backward(Tensor gradient, Tensor[] sources, Tensor[] weights, Tensor[] wirings, int[] shapes, "
    "bool[] wanted) -> Tensor[]"
)


def sparse_layer(
    sources: list[Tensor],
    weights: list[Tensor],
    wirings: list[Tensor],
    bias: Tensor | None,
    shapes: list[int],
    size: list[int],
) -> Tensor:
    """Return the sum of what flows into a layer through all its links, computed from existing edges alone (Eq. 4).

    Maps stand in blocks of samples, see `to_blocks`. All floating-point tensors are float32, or all float64; under
    autocast they are taken as float32. The operator is `torch.ops.swann.sparse_layer`.

    Args:
        sources: for each link the map that it starts from, of shape `[blocks, sources, *size, block]`.
        weights: for each link the weights of its edges, of shape `[edges, *kernel]`.
        wirings: for each link its edges, from `wiring`.
        bias: of shape `[targets]`.
        shapes: the shape of each link, one after the other, from `LinkShape.flat`.
        size: the shape of the layer's map, `[blocks, targets, *size, block]`.

    Returns:
        The layer's map, of shape `size`.

    Raises:
        InvalidValueError: the operands do not fit each other, or are of another type.
    """
    result: Tensor = torch.ops.swann.sparse_layer(sources, weights, wirings, bias, shapes, size)
    return result


@torch.library.impl(_LIBRARY, "sparse_layer", "CPU")
def compute_layer(
    sources: list[Tensor],
    weights: list[Tensor],
    wirings: list[Tensor],
    bias: Tensor | None,
    shapes: list[int],
    size: list[int],
    halves: list[Tensor] | None = None,
) -> Tensor:
    """Return a layer's map; see `sparse_layer`.

    Args:
        sources: see there, as for all that follows.
        weights: see there.
        wirings: see there.
        bias: see there.
        shapes: see there.
        size: see there.
        halves: the sources in halves, if products are to be of bfloat16; see `swann.nn.kernels.to_halves`.
    """
    result = sources[0].new_empty(size)
    check_links(sources, weights, wirings, shapes, result)
    set_to_bias_(result, bias, len(size) - 2)
    forward_(result, halves or contiguous(sources), contiguous(weights), contiguous(wirings), shapes)
    return result


def _layer_without_data(sources: list[Tensor], *others: Any) -> Tensor:
    size: list[int] = others[4]
    return sources[0].new_empty(size)


@torch.library.impl(_LIBRARY, "sparse_layer_backward", "CPU")
def _sparse_layer_backward(
    gradient: Tensor,
    sources: list[Tensor],
    weights: list[Tensor],
    wirings: list[Tensor],
    shapes: list[int],
    wanted: list[bool],
) -> list[Tensor]:
    """Return the gradients of the sources, then of the weights; empty ones where they are not wanted."""
    gradient = gradient.contiguous()
    sources, weights, wirings = map(contiguous, (sources, weights, wirings))
    n_links = len(sources)
    of_sources: list[Tensor | None] = []
    for source, weight, packed, link, want in zip(
        sources, weights, wirings, unflatten(tuple(shapes)), wanted[:n_links], strict=True
    ):
        of_source = torch.zeros_like(source) if want else None
        if of_source is not None:
            input_gradient_(of_source, [gradient], [weight], [packed], link.flat())
        of_sources.append(of_source)
    of_weights = weight_gradients(gradient, sources, weights, wirings, shapes, wanted[n_links:])
    return [gradient.new_empty(0) if found is None else found for found in of_sources + of_weights]


def _gradients_without_data(_gradient: Tensor, sources: list[Tensor], *others: Any) -> list[Tensor]:
    operands, wanted = [*sources, *others[0]], others[-1]
    return [
        torch.empty_like(operand, memory_format=torch.contiguous_format) if want else operand.new_empty(0)
        for operand, want in zip(operands, wanted, strict=True)
    ]


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    sources, weights, wirings, bias, shapes, _ = inputs
    ctx.save_for_backward(*sources, *weights, *wirings)
    ctx.n_links, ctx.has_bias, ctx.shapes = len(sources), bias is not None, shapes
    ctx.wanted = [operand.requires_grad for operand in (*sources, *weights)]


def _backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    check_backward(gradient)
    n_links, kept = ctx.n_links, ctx.saved_tensors
    parts = (list(kept[n_links * part : n_links * (part + 1)]) for part in range(3))
    found = torch.ops.swann.sparse_layer_backward(gradient, *parts, ctx.shapes, ctx.wanted)
    results = [value if want else None for value, want in zip(found, ctx.wanted, strict=True)]
    of_bias = bias_gradient(gradient) if ctx.has_bias else None
    return results[:n_links], results[n_links:], [None] * n_links, of_bias, None, None


torch.library.register_fake("swann::sparse_layer", _layer_without_data, lib=_LIBRARY)
torch.library.register_fake("swann::sparse_layer_backward", _gradients_without_data, lib=_LIBRARY)
torch.library.register_autograd("swann::sparse_layer", _backward, setup_context=_keep_for_backward, lib=_LIBRARY)
torch.library.register_autocast("swann::sparse_layer", "cpu", torch.float32, lib=_LIBRARY)


def check_backward(gradient: Tensor) -> None:
    """Raise InvalidValueError if a backward pass is to be differentiated itself, or done for many gradients at once.

    Args:
        gradient: what flows into it.
    """
    if torch._C._functorch.is_legacy_batchedtensor(gradient) or torch._C._are_functorch_transforms_active():
        raise InvalidValueError(
            "the sparse backend takes one gradient at a time (is_grads_batched=False, vectorize=False); "
            "use network.use_backend('masked') for more"
        )
    if torch.is_grad_enabled():
        raise InvalidValueError(
            "the sparse backend has no second derivatives (create_graph=True); use network.use_backend('masked')"
        )


def contiguous(tensors: list[Tensor]) -> list[Tensor]:
    """Return tensors whose elements follow each other in memory."""
    return [tensor.contiguous() for tensor in tensors]


def bias_gradient(gradient: Tensor) -> Tensor:
    """Return the gradient of a layer's bias, given that of its map."""
    return gradient.sum((0, *range(2, gradient.ndim)))
