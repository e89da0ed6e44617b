"""Training steps that compiled code takes in one call forward, and one backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ._dropout import draw_threshold, drawn
from ._native_pass import DTYPES, is_parametrized
from ._training_build import TrainingScripts, training_scripts
from ._training_stages import LayerForm, training_form, training_steps
from .kernels import block_of_memory, from_blocks, refuse_second_derivative, to_blocks

if TYPE_CHECKING:
    from ._network import SmallWorldNetwork

MOST_SAMPLES = 64
"""Samples from which on a batch is too large: calls cost little beside what they do, and memory counts."""

_MOST_KINDS = 16
"""Kinds of steps that a network keeps scripts for."""


def forward_trained(network: SmallWorldNetwork, inputs: Tensor) -> Tensor | None:
    """Return a network's output, whose gradient compiled code finds in one call; None where it cannot.

    Args:
        network: the network, all of its links sparse.
        inputs: of shape `[batch, *network.plan.chain.source_shape]`.
    """
    if not 0 < len(inputs) <= MOST_SAMPLES or inputs.dtype not in DTYPES or torch.is_autocast_enabled("cpu"):
        return None
    kinds = _kinds_of(network)
    if kinds is None:
        return None
    wanted = tuple([parameter.requires_grad for parameter in network.parameters()])
    key = (tuple(inputs.shape), inputs.dtype, inputs.requires_grad, torch.get_num_threads(), wanted, kinds)
    if not inputs.requires_grad and not any(wanted):
        return None
    known = network.training_scripts
    if key not in known:
        if len(known) >= _MOST_KINDS:
            known.clear()
        known[key] = _made(network, kinds, inputs)
    scripts = known[key]
    if scripts is None:
        return None
    tensors = [each.of_module.get(each.name) for each in scripts.given]
    if [None if tensor is None else tensor.dtype for tensor in tensors] != [each.dtype for each in scripts.given]:
        return None
    found = cast(list[Tensor], tensors)
    if not all([tensor.is_cpu and tensor.is_contiguous() for tensor in found]):  # noqa: C419, it takes half the time
        return None
    _count_batches(network)
    output: Tensor = _TrainingPass.apply(scripts, inputs, *found)
    return output


Kinds = tuple[tuple[int | None, tuple[Any, ...]], ...]


def _kinds_of(network: SmallWorldNetwork) -> Kinds | None:
    """Return what is done to each layer's maps now; None where compiled code cannot do it."""
    kinds = []
    for layer in network.layers._modules.values():
        parts: Any = layer._modules  # looked up in each pass: `layer.stages` takes ten times as long
        threshold = draw_threshold(parts["dropout"])
        if threshold is not None and threshold < 0:
            return None
        forms = tuple([training_form(stage) for stage in parts["stages"]._modules.values()])
        if None in forms:
            return None
        kinds.append((threshold, forms))
    return tuple(kinds)


def _made(network: SmallWorldNetwork, kinds: Kinds, inputs: Tensor) -> TrainingScripts | None:
    """Return the scripts of a network's training step; None where compiled code cannot do all of it."""
    layers, chain = network.each_layer(), network.plan.chain
    links = [link for layer in layers for _, link in layer.each_link()]
    if chain.dense or any(link.pads_otherwise or link.pools_otherwise for link in links):
        return None
    if is_parametrized(network):
        return None
    if any(parameter.dtype != inputs.dtype for parameter in network.parameters()):
        return None
    shapes = [chain.source_shape, *(layer.map_shape for layer in layers)]
    if not all(number for shape in shapes for number in shape) or not all(layer.sources for layer in layers):
        return None
    for layer in layers:
        for source, link in layer.each_link():
            if link.geometry is None and link.kernel != shapes[source][1:] and len(link.kernel) not in (1, 2):
                return None
    forms = []
    for layer, (threshold, of_layer) in zip(layers, kinds, strict=True):
        found = training_steps(of_layer, layer.size)
        if found is None:
            return None
        steps, is_flat = found
        sizes = [layer.size, *(step.size for step in steps)]
        for step, size in zip(steps, sizes, strict=False):
            few = len(inputs) * torch.Size(size).numel() < 2
            if step.kind == "norm" and (few or step.norm.num_features != layer.n_nodes):
                return None
        if (layer.n_nodes, *sizes[-1]) != layer.map_shape:
            return None
        forms.append(LayerForm(tuple(steps), is_flat, threshold))
    blocks = to_blocks(inputs.detach())
    samples = blocks.shape[0], blocks.shape[-1]
    return training_scripts(network, forms, samples, of_inputs=inputs.requires_grad)


def _count_batches(network: SmallWorldNetwork) -> None:
    """Count a batch in each norm that trains."""
    counts = [
        stage._buffers["num_batches_tracked"]
        for layer in network.layers._modules.values()
        for stage in cast(Any, layer)._modules["stages"]._modules.values()
        if stage.training and stage._buffers.get("num_batches_tracked") is not None and stage.track_running_stats
    ]
    if counts:
        torch._foreach_add_(counts, 1)


class _TrainingPass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scripts: TrainingScripts, inputs: Tensor, *tensors: Tensor) -> Tensor:
        blocks = to_blocks(inputs).contiguous()
        memory = block_of_memory(scripts.forward.n_bytes)
        draws = drawn(scripts.n_draws)
        given = [tensor.data_ptr() for tensor in tensors]
        scripts.forward.run([memory.data_ptr(), blocks.data_ptr(), draws.data_ptr(), 0, 0, 0, 0, *given])
        ctx.scripts = scripts
        ctx.save_for_backward(memory, blocks, draws, *tensors)
        found, start = scripts.output, cast(Any, scripts.output.place).offset
        whole = memory[start : start + found.nbytes].view(inputs.dtype)
        result = from_blocks(whole.view(found.n_blocks, found.n_nodes, *found.size, found.block))
        result = result.reshape(len(inputs), *scripts.shape)
        return result.clone(memory_format=torch.contiguous_format)  # a view could not be changed in place

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        refuse_second_derivative()
        memory, blocks, draws, *tensors = ctx.saved_tensors
        scripts: TrainingScripts = ctx.scripts
        found = scripts.output
        of_output = to_blocks(gradient.reshape(len(gradient), found.n_nodes, *found.size)).contiguous()
        space = block_of_memory(scripts.backward.n_bytes)
        of_tensors = blocks.new_zeros(scripts.n_numbers)
        of_inputs = torch.empty_like(blocks) if ctx.needs_input_grad[1] else None
        scripts.backward.run(
            [
                *(space.data_ptr(), blocks.data_ptr(), draws.data_ptr(), memory.data_ptr(), of_output.data_ptr()),
                *(of_tensors.data_ptr(), 0 if of_inputs is None else of_inputs.data_ptr()),
                *[tensor.data_ptr() for tensor in tensors],
            ]
        )
        gradients = _parted(of_tensors, tensors, scripts.starts)
        return None, None if of_inputs is None else from_blocks(of_inputs), *gradients


def _parted(numbers: Tensor, tensors: Sequence[Tensor], starts: Sequence[int | None]) -> list[Tensor | None]:
    """Return the gradients of tensors, which follow each other; None for those that have none."""
    wanted = [tensor for tensor, start in zip(tensors, starts, strict=True) if start is not None]
    found = iter(torch._utils._unflatten_dense_tensors(numbers, wanted))  # type: ignore[no-untyped-call]
    return [None if start is None else next(found) for start in starts]
