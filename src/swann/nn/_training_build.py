"""How a network's training step is put together of what compiled code does: a script forward, and one backward."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ._native_pass import DTYPES, GivenTensor
from ._training_stages import Step
from .kernels import (
    Address,
    BlockMap,
    Finish,
    Given,
    Held,
    LinkShape,
    Norm,
    Pass,
    Script,
    ScriptBuilder,
    add_average,
    add_average_gradient,
    add_bias_gradient,
    add_drop,
    add_fill,
    add_finish,
    add_norm_gradient,
    add_pool_gradient,
    add_rectify_gradient,
    add_statistics,
    constant,
)

if TYPE_CHECKING:
    from ._link import Link
    from ._network import SmallWorldLayer, SmallWorldNetwork

INPUTS, DRAWS, FORWARD, GRADIENT, OF_TENSORS, OF_INPUTS = range(1, 7)
"""The numbers of addresses that scripts are given, after that of their own buffers: the inputs, what dropouts draw, the
buffers of the forward pass, the gradient of the output, where those of the tensors go, and of the inputs.
"""

_N_FIXED = 7


@dataclass(frozen=True)
class TrainingScripts:
    """What compiled code does for a network's training step.

    Args:
        forward: the forward pass.
        backward: the backward pass.
        given: the tensors that both read, whose addresses follow the others.
        gradients: for each of them where its gradient begins among all; None where it has none.
        n_numbers: in all these gradients.
        n_draws: what the dropouts draw, of int16.
        output: the last layer's map, in the buffers of the forward pass.
        shape: of one sample's output.
    """

    forward: Script
    backward: Script
    given: tuple[GivenTensor, ...]
    gradients: tuple[int | None, ...]
    n_numbers: int
    n_draws: int
    output: BlockMap
    shape: tuple[int, ...]


@dataclass(frozen=True)
class LayerForm:
    """What is done to a layer's maps.

    Args:
        steps: the operations after it.
        is_flat: whether what they leave is flattened.
        threshold: how many of 2¹⁶ draws drop what flows in; None if nothing is dropped.
    """

    steps: tuple[Step, ...]
    is_flat: bool
    threshold: int | None


def training_scripts(
    network: SmallWorldNetwork, forms: Sequence[LayerForm], samples: tuple[int, int], *, of_inputs: bool
) -> TrainingScripts:
    """Return the scripts of a network's training step.

    Args:
        network: the network, whose tensors are all of one type.
        forms: what is done to its layers' maps.
        samples: blocks, and samples of a block.
        of_inputs: whether the gradient of the inputs is wanted.
    """
    building = _Building(network, forms, samples)
    building.add_forward()
    return building.finished(of_inputs)


@dataclass(frozen=True)
class _Operand:
    """What a link reads: a layer's map, perhaps averaged to a size, perhaps with a dropout of its own."""

    source: int
    kernel: tuple[int, ...] | None
    read: BlockMap
    draws: Given | None = None


@dataclass
class _Stepped:
    """A step that was taken forward, and what its gradient needs: the maps before and after it, and what was kept."""

    step: Step
    before: BlockMap
    after: BlockMap
    kept: Held | None = None
    norm: Norm | None = None


class _Building:
    def __init__(self, network: SmallWorldNetwork, forms: Sequence[LayerForm], samples: tuple[int, int]) -> None:
        self.network, self.forms, self.samples = network, forms, samples
        self.layers = network.each_layer()
        parameter = next(network.parameters())
        self.dtype, self.element = parameter.dtype, DTYPES[parameter.dtype]
        n_threads = torch.get_num_threads()
        self.forward, self.backward = ScriptBuilder(n_threads), ScriptBuilder(n_threads)
        self.given: list[GivenTensor] = []
        self.gradients: list[int | None] = []
        self.n_numbers = self.n_draws = 0
        self.addresses: dict[tuple[int, str], Given] = {}
        n_nodes, *size = network.plan.chain.source_shape
        self.maps = [BlockMap(Given(INPUTS), n_nodes, tuple(size), *samples, self.element)]
        self.operands: list[list[_Operand]] = []
        self.sums: list[BlockMap] = []
        self.stepped: list[list[_Stepped]] = []
        self.averaged: dict[tuple[int, tuple[int, ...]], BlockMap] = {}

    def add_forward(self) -> None:
        for layer, form in zip(self.layers, self.forms, strict=True):
            operands = [self._operand(source, link, form.threshold) for source, link in layer.each_link()]
            sums = self._map(layer.n_nodes, layer.size)
            bias = None if layer.bias is None else self._give(layer._parameters, "bias")
            add_fill(self.forward, sums, bias)
            if operands:
                self._add_links(
                    self.forward, "forward", [(layer, number) for number in range(len(operands))], sums, operands
                )
            self.operands.append(operands)
            self.sums.append(sums)
            self.stepped.append([])
            found = sums
            for step in form.steps:
                self.stepped[-1].append(self._take(step, found))
                found = self.stepped[-1][-1].after
            self.maps.append(replace(found, n_nodes=layer.map_shape[0], size=layer.map_shape[1:]))

    def _operand(self, source: int, link: Link, threshold: int | None) -> _Operand:
        found, kernel = self.maps[source], None
        if link.geometry is None and link.kernel != found.size:
            kernel = link.kernel
            if (source, kernel) not in self.averaged:
                result = self._map(found.n_nodes, kernel)
                add_average(self.forward, found, result)
                self.averaged[source, kernel] = result
            found = self.averaged[source, kernel]
        if threshold is None:
            return _Operand(source, kernel, found)
        draws = Given(DRAWS, 2 * self.n_draws)
        self.n_draws += found.numel
        dropped = self._map(found.n_nodes, found.size)
        add_drop(self.forward, found, dropped, draws, threshold, adds=False)
        return _Operand(source, kernel, dropped, draws)

    def _take(self, step: Step, before: BlockMap) -> _Stepped:
        """Take a step forward."""
        if step.kind == "rectify":
            add_finish(self.forward, before, before, Finish(("relu",)))
            return _Stepped(step, before, before)
        after = self._map(before.n_nodes, step.size)
        if step.kind == "mean":
            add_average(self.forward, before, after)
            return _Stepped(step, before, after)
        relu = ("relu",) if step.rectifies else ()
        if step.kind == "max":
            taps = self.forward.buffer(after.numel)
            add_finish(self.forward, before, after, Finish((), step.pool, relu), taps=taps)
            return _Stepped(step, before, after, taps)
        kept = self.forward.buffer(16 * before.n_nodes)
        norm = self._norm(step.norm, kept, before.n_nodes)
        numbers = add_statistics(self.forward, before, norm)
        add_finish(self.forward, before, after, Finish(("affine", *relu)), numbers)
        return _Stepped(step, before, after, kept, norm)

    def _norm(self, module: _BatchNorm, kept: Held, n_nodes: int) -> Norm:
        weight, bias = (
            constant(value, n_nodes, self.element)
            if getattr(module, name) is None
            else self._give(module._parameters, name)
            for name, value in (("weight", 1), ("bias", 0))
        )
        mean = variance = momentum = None
        if module.running_mean is not None:
            momentum = module.momentum
            mean, variance = (self._give(module._buffers, name) for name in ("running_mean", "running_var"))
        return Norm(module.eps, momentum, weight, bias, mean, variance, kept)

    def finished(self, of_inputs: bool) -> TrainingScripts:
        """Return the scripts."""
        kept: list[Held] = []
        for layer in self.stepped:
            for stepped in layer:
                kept += [stepped.kept] if stepped.kept is not None else []
                kept += [stepped.before.place] if stepped.step.kind == "norm" else []
                kept += [stepped.after.place] if stepped.step.kind == "rectify" or stepped.step.rectifies else []
        kept += [each.read.place for layer in self.operands for each in layer]
        kept += [self.maps[-1].place]
        held = [place for place in kept if isinstance(place, Held)]
        forward, starts = self.forward.finished(held)
        self.starts = starts
        self._add_backward(of_inputs)
        backward, _ = self.backward.finished()
        last, is_flat = self._kept(self.maps[-1]), self.forms[-1].is_flat
        shape = (last.n_nodes, *last.size)
        return TrainingScripts(
            forward,
            backward,
            tuple(self.given),
            tuple(self.gradients),
            self.n_numbers,
            self.n_draws,
            last,
            (math.prod(shape),) if is_flat else shape,
        )

    def _kept(self, found: BlockMap) -> BlockMap:
        """Return a map of the forward pass as the backward pass finds it."""
        if not isinstance(found.place, Held):
            return found
        return replace(found, place=self._address(found.place))

    def _address(self, place: Held) -> Given:
        return Given(FORWARD, self.starts[place.buffer] + place.offset)

    def _add_backward(self, of_inputs: bool) -> None:
        readers: dict[int, list[tuple[int, int]]] = {}
        for number, operands in enumerate(self.operands, start=1):
            for position, operand in enumerate(operands):
                readers.setdefault(operand.source, []).append((number, position))
        wants: dict[int, bool] = {0: of_inputs}
        for number, layer in enumerate(self.layers, start=1):
            own = any(parameter.requires_grad for parameter in layer.parameters())
            wants[number] = own or any(wants[each.source] for each in self.operands[number - 1])
        of_sums: dict[int, BlockMap] = {}
        for number in range(len(self.layers), 0, -1):
            if not wants[number]:
                continue
            if number == len(self.layers):
                gradient = replace(self.maps[number], place=Given(GRADIENT))
            else:
                gradient = self._gradient_map(self.maps[number])
                self._add_readers(gradient, readers.get(number, []), of_sums)
            of_sums[number] = self._back_through(number, gradient)
            self._add_tensor_gradients(number, of_sums[number])
        if of_inputs:
            gradient = replace(self.maps[0], place=Given(OF_INPUTS))
            self._add_readers(gradient, readers.get(0, []), of_sums)

    def _add_readers(
        self, gradient: BlockMap, readers: Sequence[tuple[int, int]], of_sums: Mapping[int, BlockMap]
    ) -> None:
        """Set the gradient of a map to what flows back from all links that read it."""
        add_fill(self.backward, gradient, None)
        by_size: dict[tuple[int, ...] | None, list[tuple[int, int]]] = {}
        for number, position in readers:
            by_size.setdefault(self.operands[number - 1][position].kernel, []).append((number, position))
        for kernel, of_size in by_size.items():
            target = gradient
            if kernel is not None:
                target = self._gradient_map(replace(gradient, size=kernel))
                add_fill(self.backward, target, None)
            together = [each for each in of_size if self._operand_of(each).draws is None]
            self._add_input_gradient(target, together, of_sums)
            for each in of_size:
                operand, threshold = self._operand_of(each), self.forms[each[0] - 1].threshold
                if operand.draws is not None and threshold is not None:
                    alone = self._gradient_map(target)
                    add_fill(self.backward, alone, None)
                    self._add_input_gradient(alone, [each], of_sums)
                    add_drop(self.backward, alone, target, operand.draws, threshold, adds=True)
            if kernel is not None:
                add_average_gradient(self.backward, target, gradient)

    def _operand_of(self, reader: tuple[int, int]) -> _Operand:
        number, position = reader
        return self.operands[number - 1][position]

    def _add_input_gradient(
        self, target: BlockMap, readers: Sequence[tuple[int, int]], of_sums: Mapping[int, BlockMap]
    ) -> None:
        if not readers:
            return
        links = [(self.layers[number - 1], position) for number, position in readers]
        self._add_links(self.backward, "input", links, target, [of_sums[number] for number, _ in readers])

    def _back_through(self, number: int, gradient: BlockMap) -> BlockMap:
        """Hand a gradient back through the operations after a layer, and return that of its sums."""
        for stepped in reversed(self.stepped[number - 1]):
            gradient = replace(gradient, n_nodes=stepped.after.n_nodes, size=stepped.after.size)
            step, before = stepped.step, stepped.before
            if step.kind == "rectify" or (step.kind == "norm" and step.rectifies):
                result = self._own(gradient)
                add_rectify_gradient(self.backward, gradient, self._kept(stepped.after), result)
                gradient = result
            if step.kind == "norm" and stepped.norm is not None and stepped.kept is not None:
                norm = replace(stepped.norm, kept=self._address(stepped.kept))
                of_weight, of_bias = (self._gradient_of(step.norm, name) for name in ("weight", "bias"))
                result = self._own(gradient)
                add_norm_gradient(self.backward, gradient, self._kept(before), result, norm, of_weight, of_bias)
                gradient = result
            elif step.kind == "max" and step.pool is not None and stepped.kept is not None:
                result = self._gradient_map(before)
                add_pool_gradient(self.backward, gradient, result, step.pool, self._address(stepped.kept))
                gradient = result
            elif step.kind == "mean":
                result = self._gradient_map(before)
                add_fill(self.backward, result, None)
                add_average_gradient(self.backward, gradient, result)
                gradient = result
        return replace(gradient, n_nodes=self.sums[number - 1].n_nodes, size=self.sums[number - 1].size)

    def _add_tensor_gradients(self, number: int, of_sums: BlockMap) -> None:
        """Add the gradients of a layer's bias and of its links' weights."""
        layer = self.layers[number - 1]
        bias = self._gradient_of(layer, "bias")
        if bias is not None:
            add_bias_gradient(self.backward, of_sums, bias)
        links = [(layer, position) for position, (_, link) in enumerate(layer.each_link()) if link.weight.requires_grad]
        if links:
            operands = [self._kept(self.operands[number - 1][position].read) for _, position in links]
            self._add_links(self.backward, "weight", links, of_sums, operands)

    def _add_links(
        self,
        builder: ScriptBuilder,
        kind: Pass,
        links: Sequence[tuple[SmallWorldLayer, int]],
        result: BlockMap,
        operands: Sequence[BlockMap | _Operand],
    ) -> None:
        """Add what links do: all of them to one result, or of one gradient to the weights of each."""
        shapes: list[LinkShape] = []
        nodes: list[tuple[int, int]] = []
        addresses: list[tuple[Address, ...]] = []
        for (layer, position), operand in zip(links, operands, strict=True):
            link = layer.each_link()[position][1]
            n_targets, n_sources = link.mask.shape
            wiring = self._give(link._buffers, "wiring", torch.int32)
            read = operand.read if isinstance(operand, _Operand) else operand
            weight: Address = self._give(link._parameters, "weight")
            if kind == "input":
                start = wiring.offset + 4 * (n_targets + 1 + len(link.weight))
                places = [start, start + 4 * (n_sources + 1), start + 4 * (n_sources + 1 + len(link.weight))]
                begin, others, order = (Given(wiring.number, place) for place in places)
            else:
                begin, others, order = wiring, replace(wiring, offset=4 * (n_targets + 1)), 0
            if kind == "weight":
                weight = cast(Given, self._gradient_of(link, "weight"))
            shapes.append(layer.link_shapes[position])
            nodes.append((n_targets, n_sources))
            addresses.append((result.place, read.place, begin, others, weight, order))
        builder.add_links(kind, shapes, self.element, self.samples, nodes, addresses)

    def _map(self, n_nodes: int, size: tuple[int, ...]) -> BlockMap:
        """Return a new map of the forward pass."""
        found = BlockMap(0, n_nodes, size, *self.samples, self.element)
        return replace(found, place=self.forward.buffer(found.nbytes))

    def _gradient_map(self, like: BlockMap) -> BlockMap:
        """Return a new map of the backward pass."""
        return replace(like, place=self.backward.buffer(like.nbytes))

    def _own(self, gradient: BlockMap) -> BlockMap:
        """Return where the next gradient of the same size may stand: in the place of the last one, if that is ours."""
        return gradient if isinstance(gradient.place, Held) else self._gradient_map(gradient)

    def _give(self, of_module: Mapping[str, Tensor | None], name: str, dtype: torch.dtype | None = None) -> Given:
        """Return the address of a tensor as it is in each pass."""
        key = id(of_module), name
        if key not in self.addresses:
            tensor = of_module[name]
            self.addresses[key] = Given(_N_FIXED + len(self.given))
            self.given.append(GivenTensor(of_module, name, dtype or self.dtype))
            wanted = tensor is not None and tensor.requires_grad
            self.gradients.append(self.n_numbers if wanted else None)
            self.n_numbers += tensor.numel() if tensor is not None and wanted else 0
        return self.addresses[key]

    def _gradient_of(self, module: nn.Module, name: str) -> Given | None:
        """Return where the gradient of a parameter goes; None if it has none."""
        tensor = module._parameters.get(name)
        if tensor is None or not tensor.requires_grad:
            return None
        start = self.gradients[self._give(module._parameters, name).number - _N_FIXED]
        return None if start is None else Given(OF_TENSORS, start * tensor.itemsize)
