import contextlib
from typing import Any

import torch
from torch import Tensor

from ..kernels._operator import check_backward
from ._check import check_operands
from ._layout import unflatten_layout
from ._own import mark_own, own_gradient
from ._passes import bias_gradient, forward_pass, input_gradients, pack_weights, weight_gradients

_LIBRARY = torch.library.Library("swann", "FRAGMENT")  # type: ignore[no-untyped-call]
_LIBRARY.define(  # type: ignore[no-untyped-call]
    "block_layer(Tensor[] sources, Tensor[] weights, Tensor? bias, Tensor tables, int[] layout) -> Tensor"
)
_LIBRARY.define(  # type: ignore[no-untyped-call]
    "block_layer_backward(Tensor gradient, Tensor[] sources, Tensor[] weights, Tensor tables, int[] layout, "
    "bool[] wanted) -> Tensor[]"
)


def block_layer(
    sources: list[Tensor], weights: list[Tensor], bias: Tensor | None, tables: Tensor, layout: list[int]
) -> Tensor:
    """Return the sum of what flows into a layer through all its links, computed by tiles of channels (Eq. 4).

    Tiles that hold at least one edge are multiplied, the others are not. On a GPU the kernels are compiled by Triton;
    on the CPU its interpreter runs them, which is slow and there for tests. The operator is
    `torch.ops.swann.block_layer`.

    Args:
        sources: for each link the map that it starts from, of shape `[batch, sources, rows, columns]`, in float32,
            float16 or bfloat16; the result is of that type, summed in float32.
        weights: for each link those of its edges, of shape `[edges, taps]`; they are brought to the sources' type.
        bias: of shape `[targets]`.
        tables: the links' tiles, from `block_tables`.
        layout: of `LayerLayout.flat`.

    Returns:
        The layer's map, of shape `[batch, targets, rows, columns]`, channels last in memory.

    Raises:
        InvalidValueError: the operands do not fit each other, or are of another type.
        MissingExtraError: Triton is not installed.
    """
    result: Tensor = torch.ops.swann.block_layer(sources, weights, bias, tables, layout)
    return result


@torch.library.impl(_LIBRARY, "block_layer", "CPU")
@torch.library.impl(_LIBRARY, "block_layer", "CUDA")
def _layer(
    sources: list[Tensor], weights: list[Tensor], bias: Tensor | None, tables: Tensor, layout: list[int]
) -> Tensor:
    links = unflatten_layout(tuple(layout))
    check_operands(sources, weights, bias, tables, links)
    tables = tables.contiguous()
    with _on(tables.device):
        packed = pack_weights(weights, tables, links, sources[0].dtype)
        return forward_pass(sources, packed, bias, tables, links)


@torch.library.impl(_LIBRARY, "block_layer_backward", "CPU")
@torch.library.impl(_LIBRARY, "block_layer_backward", "CUDA")
def _gradients(
    gradient: Tensor,
    sources: list[Tensor],
    weights: list[Tensor],
    tables: Tensor,
    layout: list[int],
    wanted: list[bool],
) -> list[Tensor]:
    links, n_links = unflatten_layout(tuple(layout)), len(sources)
    check_operands(sources, weights, None, tables, links)
    tables = tables.contiguous()
    with _on(tables.device):
        packed = pack_weights(weights, tables, links, gradient.dtype, backward=True)
        of_sources = input_gradients(gradient, sources, packed, tables, links, wanted[:n_links])
        if not any(wanted[n_links:]):
            return [*of_sources, *(weight.new_empty(0) for weight in weights)]
        of_weights = weight_gradients(gradient, sources, weights, tables, links)
    return [
        *of_sources,
        *(each if want else each.new_empty(0) for each, want in zip(of_weights, wanted[n_links:], strict=True)),
    ]


def _layer_without_data(
    sources: list[Tensor], _weights: list[Tensor], _bias: Tensor | None, _tables: Tensor, layout: list[int]
) -> Tensor:
    links = unflatten_layout(tuple(layout))
    size = (sources[0].shape[0], links.n_targets, *links.target)
    return torch.empty(size, dtype=sources[0].dtype, device=sources[0].device, memory_format=torch.channels_last)


def _gradients_without_data(
    _gradient: Tensor,
    sources: list[Tensor],
    weights: list[Tensor],
    _tables: Tensor,
    _layout: list[int],
    wanted: list[bool],
) -> list[Tensor]:
    formats = [torch.channels_last] * len(sources) + [torch.contiguous_format] * len(weights)
    return [
        torch.empty_like(operand, memory_format=memory_format) if want else operand.new_empty(0)
        for operand, want, memory_format in zip([*sources, *weights], wanted, formats, strict=True)
    ]


def _keep_for_backward(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ARG001
    sources, weights, bias, tables, layout = inputs
    ctx.save_for_backward(*sources, *weights, tables)
    ctx.n_links, ctx.has_bias, ctx.layout = len(sources), bias is not None, layout
    ctx.bias_kind = None if bias is None else bias.dtype
    ctx.wanted = [operand.requires_grad for operand in (*sources, *weights)]


def _backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
    check_backward(gradient)
    n_links, kept = ctx.n_links, ctx.saved_tensors
    sources, weights, tables = list(kept[:n_links]), list(kept[n_links:-1]), kept[-1]
    found = torch.ops.swann.block_layer_backward(gradient, sources, weights, tables, ctx.layout, ctx.wanted)
    results = [value if want else None for value, want in zip(found, ctx.wanted, strict=True)]
    of_bias = gradient.sum((0, 2, 3), dtype=torch.float32).to(ctx.bias_kind) if ctx.has_bias else None
    return results[:n_links], results[n_links:], of_bias, None, None


class BlockLayer(torch.autograd.Function):
    """`block_layer` for passes with gradients that are not compiled: it also returns the sources for later layers.

    What later layers read are these, so the gradient of a source goes from the last layer that reads it to the first,
    and each layer adds its own to it in place: no gradient is written for each link and added afterwards.
    """

    @staticmethod
    def forward(
        ctx: Any, bias: Tensor | None, tables: Tensor, layout: list[int], n_links: int, *operands: Tensor
    ) -> tuple[Tensor, ...]:
        """Return the layer's map, and the sources."""
        sources, weights = list(operands[:n_links]), list(operands[n_links:])
        links = unflatten_layout(tuple(layout))
        check_operands(sources, weights, bias, tables, links)
        with _on(tables.device):
            packed = pack_weights(weights, tables, links, sources[0].dtype)
            result = forward_pass(sources, packed, bias, tables, links)
        ctx.set_materialize_grads(False)
        is_half = packed.itemsize == 2  # in single precision they would take more memory than time
        ctx.save_for_backward(tables, packed if is_half else None, *operands)
        ctx.links, ctx.n_links = links, n_links
        ctx.bias_kind = None if bias is None else bias.dtype
        passed = [source.detach() for source in sources]
        wanted = ctx.needs_input_grad[4 : 4 + n_links]
        ctx.mark_non_differentiable(*(each for each, want in zip(passed, wanted, strict=True) if not want))
        return result, *passed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, *given: Tensor | None) -> tuple[Any, ...]:
        """Return the gradients of the bias, the sources and the weights."""
        n_links, links = ctx.n_links, ctx.links
        if gradient is None:  # nothing reads the layer's map
            return None, None, None, None, *given, *(None for _ in range(n_links))
        check_backward(gradient)
        tables, packed, *operands = ctx.saved_tensors
        sources, weights = operands[:n_links], operands[n_links:]
        wants_bias, wanted = ctx.needs_input_grad[0], ctx.needs_input_grad[4:]
        gradient = gradient.to(sources[0].dtype)
        with _on(tables.device):
            if packed is None:
                packed = pack_weights(weights, tables, links, gradient.dtype, backward=True)
            own = [own_gradient(each, source) for each, source in zip(given, sources, strict=True)]
            of_sources = input_gradients(gradient, sources, packed, tables, links, wanted[:n_links], own)
            of_weights: list[Tensor] = []
            if any(wanted[n_links:]):
                of_weights = weight_gradients(gradient, sources, weights, tables, links)
            of_bias = bias_gradient(gradient, ctx.bias_kind) if wants_bias else None
        of_sources = [mark_own(each) for each in of_sources]
        found = [*of_sources, *(of_weights or weights)]
        return of_bias, None, None, None, *(each if want else None for each, want in zip(found, wanted, strict=True))


torch.library.register_fake("swann::block_layer", _layer_without_data, lib=_LIBRARY)
torch.library.register_fake("swann::block_layer_backward", _gradients_without_data, lib=_LIBRARY)
torch.library.register_autograd("swann::block_layer", _backward, setup_context=_keep_for_backward, lib=_LIBRARY)


def _on(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which Triton launches on a device."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()
