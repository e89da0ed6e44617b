"""Passes over maps in blocks that compiled code does in one call forward and, where they train, one backward."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ._block_build import BlockScripts, block_scripts
from ._block_stages import LayerForm, block_form, block_steps
from ._dropout import draw_threshold, drawn
from ._native_pass import DTYPES, has_its_tensors
from .kernels import (
    BlockMap,
    Given,
    Script,
    block_of_memory,
    borrowed_memory,
    check_backward,
    from_blocks,
    has_halves,
    to_blocks,
)

if TYPE_CHECKING:
    from ._network import SmallWorldNetwork

MOST_SAMPLES = 64
"""The most samples of such a pass: in larger ones calls cost little beside what they do, and memory counts."""

_MOST_BYTES = 3 * 2**24
"""The most bytes of its maps: the C library takes larger memory anew from the system each time.

ConvNet-C's training step with 53 MB and more was 1.04 to 1.1 times as fast layer by layer, a narrow network's of 20
layers with 46 MB 0.5 times.
"""

_MOST_KINDS = 16
"""Kinds of steps that a network keeps scripts for."""


def forward_in_one_call(network: SmallWorldNetwork, inputs: Tensor, *, lowers: bool = False) -> Tensor | None:
    """Return a network's output, whose gradient compiled code finds in one call; None where it cannot.

    Args:
        network: the network, all of its links sparse.
        inputs: of shape `[batch, *network.plan.chain.source_shape]`.
        lowers: whether links are to multiply in bfloat16, if they can.
    """
    if not 0 < len(inputs) <= MOST_SAMPLES or inputs.dtype not in DTYPES or torch.is_autocast_enabled("cpu"):
        return None
    kinds = _kinds_of(network)
    if kinds is None:
        return None
    wanted = (inputs.requires_grad, *_wanted(network)) if torch.is_grad_enabled() else ()
    trains = any(wanted)
    key = (tuple(inputs.shape), inputs.dtype, torch.get_num_threads(), wanted if trains else None, kinds, lowers)
    known = network.block_scripts
    if key not in known:
        if not has_its_tensors(network):
            return None
        if len(known) >= _MOST_KINDS:
            known.clear()
        known[key] = _made(network, kinds, inputs, trains=trains, lowers=lowers)
    scripts = known[key]
    if scripts is None:
        return None
    found = scripts.given.now()
    if found is None:
        return None
    _count_batches(kinds)
    if not trains:
        with borrowed_memory(scripts.forward.n_bytes) as memory:
            return _forward(scripts, memory, inputs, found)[0]
    output: Tensor = _BlockPass.apply(scripts, found, inputs, *[found[number] for number in scripts.parameters])
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
        forms = tuple([block_form(stage) for stage in parts["stages"]._modules.values()])
        if None in forms:
            return None
        kinds.append((threshold, forms))
    return tuple(kinds)


def _wanted(network: SmallWorldNetwork) -> list[bool]:
    """Return for each parameter of the layers whether its gradient is wanted."""
    found: list[Tensor | None] = []
    for layer in network.layers._modules.values():
        parts: Any = layer._modules
        found.append(layer._parameters.get("bias"))
        found += [link._parameters.get("weight") for link in parts["links"]._modules.values()]
        found += [each for stage in parts["stages"]._modules.values() for each in stage._parameters.values()]
    return [each is not None and each.requires_grad for each in found]


def _made(
    network: SmallWorldNetwork, kinds: Kinds, inputs: Tensor, *, trains: bool, lowers: bool
) -> BlockScripts | None:
    """Return the scripts of a network's pass; None where compiled code cannot do all of it."""
    layers, chain = network.each_layer(), network.plan.chain
    links = [link for layer in layers for _, link in layer.each_link()]
    if any(link.pads_otherwise or link.pools_otherwise for link in links):
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
        found = block_steps(of_layer, layer.size)
        if found is None:
            return None
        steps, is_flat = found
        sizes = [layer.size, *(step.size for step in steps)]
        for step, size in zip(steps, sizes, strict=False):
            few = len(inputs) * torch.Size(size).numel() < 2
            if step.kind == "norm" and few and not step.is_fixed:
                return None
        if (layer.n_nodes, *sizes[-1]) != layer.map_shape:
            return None
        forms.append(LayerForm(tuple(steps), is_flat, threshold))
    blocks = to_blocks(inputs.detach())
    samples = blocks.shape[0], blocks.shape[-1]
    halves = lowers and has_halves(samples, inputs.dtype)
    of_inputs = trains and inputs.requires_grad
    scripts = block_scripts(network, forms, samples, trains=trains, of_inputs=of_inputs, halves=halves)
    return scripts if scripts.forward.n_bytes <= _MOST_BYTES else None


def _count_batches(kinds: Kinds) -> None:
    """Count a batch in each norm that trains."""
    norms = [form[1] for _, forms in kinds for form in forms if form[0] == "norm"]
    counts = [
        norm._buffers["num_batches_tracked"]
        for norm in norms
        if norm.training and norm.track_running_stats and norm._buffers.get("num_batches_tracked") is not None
    ]
    if counts:
        torch._foreach_add_(counts, 1)


def _forward(
    scripts: BlockScripts, memory: Tensor, inputs: Tensor, tensors: Sequence[Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the output, the inputs in blocks, and what dropouts drew; the maps are left in the memory."""
    blocks, draws = to_blocks(inputs), drawn(scripts.n_draws)
    given = [tensor.data_ptr() for tensor in tensors]
    scripts.forward.run([memory.data_ptr(), blocks.data_ptr(), draws.data_ptr(), 0, 0, 0, 0, *given])
    maps = [from_blocks(_whole(memory, each, inputs.dtype)) for each in scripts.outputs]
    if len(maps) > 1:
        output = torch.cat(maps, 1)
    else:  # a view could not be changed in place
        output = maps[0].reshape(len(inputs), *scripts.shape).clone(memory_format=torch.contiguous_format)
    return output, blocks, draws


def _whole(memory: Tensor, found: BlockMap, dtype: torch.dtype) -> Tensor:
    """Return a map in the memory of the forward pass, of shape `[blocks, nodes, *size, block]`."""
    start, shape = cast(Given, found.place).offset, (found.n_blocks, found.n_nodes, *found.size, found.block)
    return memory[start : start + found.nbytes].view(dtype).view(shape)


def _of_outputs(scripts: BlockScripts, gradient: Tensor) -> Tensor:
    """Return the gradients of the maps of which the output consists, in blocks, one after the other."""
    n_nodes, size = [each.n_nodes for each in scripts.outputs], scripts.outputs[-1].size
    parts = gradient.reshape(len(gradient), sum(n_nodes), *size)
    of_maps = [to_blocks(part) for part in torch.split(parts, n_nodes, 1)]
    return of_maps[0] if len(of_maps) == 1 else torch.cat([each.flatten() for each in of_maps])


class _BlockPass(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, scripts: BlockScripts, tensors: list[Tensor], inputs: Tensor, *parameters: Tensor) -> Tensor:
        memory = block_of_memory(scripts.forward.n_bytes)
        output, blocks, draws = _forward(scripts, memory, inputs, tensors)
        ctx.scripts, ctx.tensors = scripts, tensors
        ctx.save_for_backward(memory, blocks, draws, *parameters)  # which refuses those that have changed since
        return output

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        check_backward(gradient)
        memory, blocks, draws, *_ = ctx.saved_tensors
        scripts: BlockScripts = ctx.scripts
        script, of_output = cast(Script, scripts.backward), _of_outputs(scripts, gradient)
        of_tensors = blocks.new_zeros(scripts.n_numbers)
        of_inputs = torch.empty_like(blocks) if ctx.needs_input_grad[2] else None
        tensors = ctx.tensors
        with borrowed_memory(script.n_bytes) as space:
            script.run(
                [
                    *(space.data_ptr(), blocks.data_ptr(), draws.data_ptr(), memory.data_ptr(), of_output.data_ptr()),
                    *(of_tensors.data_ptr(), 0 if of_inputs is None else of_inputs.data_ptr()),
                    *[tensor.data_ptr() for tensor in tensors],
                ]
            )
        wanted = [tensors[number] for number, start in enumerate(scripts.starts) if start is not None]
        gradients = iter(torch._utils._unflatten_dense_tensors(of_tensors, wanted))  # type: ignore[no-untyped-call]
        of_parameters = [None if scripts.starts[number] is None else next(gradients) for number in scripts.parameters]
        return None, None, None if of_inputs is None else from_blocks(of_inputs), *of_parameters
