"""A backward pass over maps in blocks, as a script."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from ._block_forward import ForwardPass, Operand, Taken
from ._block_stages import LayerForm
from ._block_tensors import GRADIENT, OF_INPUTS, PassTensors, add_links
from .kernels import (
    BlockMap,
    Finish,
    Given,
    Held,
    Script,
    ScriptBuilder,
    add_average_gradient,
    add_bias_gradient,
    add_drop,
    add_fill,
    add_finish,
    add_halves,
    add_norm_gradient,
    add_pool_gradient,
    add_rectify_gradient,
)

if TYPE_CHECKING:
    from ._network import SmallWorldNetwork

_Reader = tuple[int, int]
"""A link by the number of the layer where it ends, and its position among those."""


class BackwardPass:
    """The backward pass of a network.

    Args:
        network: the network.
        forms: what is done to its layers' maps.
        forward: the forward pass, finished.
        tensors: what the script reads.
        of_inputs: whether the gradient of the inputs is wanted.
    """

    def __init__(
        self,
        network: SmallWorldNetwork,
        forms: Sequence[LayerForm],
        forward: ForwardPass,
        tensors: PassTensors,
        *,
        of_inputs: bool,
    ) -> None:
        self.layers, self.forms, self.forward, self.tensors = network.each_layer(), forms, forward, tensors
        self.builder = ScriptBuilder(torch.get_num_threads())
        self.of_sums: dict[int, BlockMap] = {}
        self.readers: dict[int, list[_Reader]] = {}
        wanted = {0: of_inputs}
        for number, (layer, operands) in enumerate(zip(self.layers, forward.operands, strict=True), start=1):
            for position, operand in enumerate(operands):
                self.readers.setdefault(operand.source, []).append((number, position))
            is_trained = any(parameter.requires_grad for parameter in layer.parameters())
            wanted[number] = is_trained or any(wanted[operand.source] for operand in operands)
        for number in range(len(self.layers), 0, -1):
            if wanted[number]:
                gradient = self._of_map(number)
                for taken in reversed(forward.taken[number - 1]):
                    gradient = self._back(taken, replace(gradient, n_nodes=taken.after.n_nodes, size=taken.after.size))
                sums = forward.sums[number - 1]
                of_sums = replace(gradient, n_nodes=sums.n_nodes, size=sums.size)
                self.of_sums[number] = add_halves(self.builder, of_sums) if forward.halves else of_sums
                self._add_tensors(number, of_sums)
        if of_inputs:
            self._add_readers(0, replace(forward.maps[0], place=Given(OF_INPUTS)))

    def finished(self) -> Script:
        """Return the script."""
        return self.builder.finished()[0]

    def _of_map(self, number: int) -> BlockMap:
        """Return the gradient of a layer's map."""
        found, outputs = self.forward.maps[number], self.forward.outputs()
        of_output: BlockMap | None = None
        first = len(self.layers) - len(outputs) + 1
        if number >= first:
            of_output = replace(found, place=Given(GRADIENT, sum(each.nbytes for each in outputs[: number - first])))
            if number == len(self.layers):
                return of_output
        gradient = self._new(found)
        self._add_readers(number, gradient, of_output)
        return gradient

    def _add_readers(self, number: int, gradient: BlockMap, of_output: BlockMap | None = None) -> None:
        """Set the gradient of a map to what flows back through all links that read it, and to that of the output."""
        if of_output is None:
            add_fill(self.builder, gradient, None)
        else:
            add_finish(self.builder, of_output, gradient, Finish())
        by_size: dict[tuple[int, ...] | None, list[_Reader]] = {}
        for reader in self.readers.get(number, []):
            if reader[0] in self.of_sums:
                by_size.setdefault(self._operand(reader).kernel, []).append(reader)
        for kernel, readers in by_size.items():
            target = gradient
            if kernel is not None:
                target = self._new(replace(gradient, size=kernel))
                add_fill(self.builder, target, None)
            self._add_links(target, [reader for reader in readers if self._operand(reader).draws is None])
            for reader in readers:
                draws, threshold = self._operand(reader).draws, self.forms[reader[0] - 1].threshold
                if draws is not None and threshold is not None:
                    alone = self._new(target)
                    add_fill(self.builder, alone, None)
                    self._add_links(alone, [reader])
                    add_drop(self.builder, alone, target, draws, threshold, adds=True)
            if kernel is not None:
                add_average_gradient(self.builder, target, gradient)

    def _operand(self, reader: _Reader) -> Operand:
        number, position = reader
        return self.forward.operands[number - 1][position]

    def _add_links(self, target: BlockMap, readers: Sequence[_Reader]) -> None:
        """Add to the gradient of a map what flows back through some links."""
        if readers:
            links = [(self.layers[number - 1], position) for number, position in readers]
            of_sums = [self.of_sums[number] for number, _ in readers]
            add_links(self.builder, "input", self.tensors, links, target, of_sums)

    def _back(self, taken: Taken, gradient: BlockMap) -> BlockMap:
        """Hand a gradient back through a step."""
        step, before = taken.step, taken.before
        if step.kind == "rectify" or (step.kind == "norm" and step.rectifies):
            result = self._own(gradient)
            add_rectify_gradient(self.builder, gradient, taken.after, result)
            gradient = result
        if taken.norm is not None:
            result = self._own(gradient)
            of_weight, of_bias = (self.tensors.gradient(step.norm, name) for name in ("weight", "bias"))
            add_norm_gradient(self.builder, gradient, before, result, taken.norm, of_weight, of_bias)
            return result
        if step.pool is not None and taken.taps is not None:
            result = self._new(before)
            add_pool_gradient(self.builder, gradient, result, step.pool, taken.taps)
            return result
        if step.kind == "mean":
            result = self._new(before)
            add_fill(self.builder, result, None)
            add_average_gradient(self.builder, gradient, result)
            return result
        return gradient

    def _add_tensors(self, number: int, of_sums: BlockMap) -> None:
        """Add the gradients of a layer's bias and of its links' weights, given that of its sums."""
        layer = self.layers[number - 1]
        bias = self.tensors.gradient(layer, "bias")
        if bias is not None:
            add_bias_gradient(self.builder, of_sums, bias)
        positions = [place for place, (_, link) in enumerate(layer.each_link()) if link.weight.requires_grad]
        if positions:
            read = [self.forward.operands[number - 1][position].read for position in positions]
            links = [(layer, position) for position in positions]
            add_links(self.builder, "weight", self.tensors, links, self.of_sums[number], read)

    def _new(self, like: BlockMap) -> BlockMap:
        return replace(like, place=self.builder.buffer(like.nbytes))

    def _own(self, gradient: BlockMap) -> BlockMap:
        """Return where the next gradient of the same size may stand: in the place of the last one, if that is ours."""
        return gradient if isinstance(gradient.place, Held) else self._new(gradient)
