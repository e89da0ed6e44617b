"""A forward pass over maps in blocks as a script, and what a backward pass needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch.nn.modules.batchnorm import _BatchNorm

from ._block_stages import LayerForm, Step, tracks_statistics
from ._block_tensors import DRAWS, FORWARD, INPUTS, PassTensors, add_links
from ._native_pass import DTYPES
from .kernels import (
    Address,
    BlockMap,
    Finish,
    Given,
    Held,
    Norm,
    Script,
    ScriptBuilder,
    add_average,
    add_drop,
    add_fill,
    add_finish,
    add_halves,
    add_statistics,
    constant,
)
from .kernels import Step as StepName

if TYPE_CHECKING:
    from ._link import Link
    from ._network import SmallWorldNetwork


@dataclass(frozen=True)
class Operand:
    """What a link reads.

    Args:
        source: the number of the layer where it starts.
        kernel: the size to which that layer's map is averaged; None if it is not.
        read: the map.
        draws: what the link's own dropout draws; None if nothing is dropped.
    """

    source: int
    kernel: tuple[int, ...] | None
    read: BlockMap
    draws: Given | None


@dataclass(frozen=True)
class Taken:
    """A step that was taken.

    Args:
        step: the step.
        before: the map before it.
        after: the map after it.
        taps: the taps of a maximum pooling, which its gradient needs.
        norm: the norm.
    """

    step: Step
    before: BlockMap
    after: BlockMap
    taps: Address | None = None
    norm: Norm | None = None


class ForwardPass:
    """The forward pass of a network, in the making and made.

    Args:
        network: the network.
        forms: what is done to its layers' maps.
        samples: blocks, and samples of a block.
        tensors: what the script reads.
        halves: whether links multiply in bfloat16, for which `swann.nn.kernels.has_halves` must hold.
    """

    def __init__(
        self,
        network: SmallWorldNetwork,
        forms: Sequence[LayerForm],
        samples: tuple[int, int],
        tensors: PassTensors,
        *,
        halves: bool = False,
    ) -> None:
        self.halves = halves
        self.samples, self.tensors, self.element = samples, tensors, DTYPES[tensors.dtype]
        self.builder = ScriptBuilder(torch.get_num_threads())
        self.n_draws = 0
        n_nodes, *size = network.plan.chain.source_shape
        self.maps = [BlockMap(Given(INPUTS), n_nodes, tuple(size), *samples, self.element)]
        self.hands_on_all = network.plan.chain.dense
        self.operands: list[list[Operand]] = []
        self.sums: list[BlockMap] = []
        self.taken: list[list[Taken]] = []
        self._averaged: dict[tuple[int, tuple[int, ...]], BlockMap] = {}
        self._halved: dict[Address, BlockMap] = {}
        for layer, form in zip(network.each_layer(), forms, strict=True):
            operands = [self._operand(source, link, form.threshold) for source, link in layer.each_link()]
            sums = self._map(layer.n_nodes, layer.size)
            add_fill(self.builder, sums, None if layer.bias is None else tensors.parameter(layer, "bias"))
            links = [(layer, position) for position in range(len(operands))]
            add_links(self.builder, "forward", tensors, links, sums, [operand.read for operand in operands])
            self.operands.append(operands)
            self.sums.append(sums)
            found, taken = sums, []
            for step in form.steps:
                taken.append(self._take(step, found))
                found = taken[-1].after
            self.taken.append(taken)
            self.maps.append(replace(found, n_nodes=layer.map_shape[0], size=layer.map_shape[1:]))

    def _operand(self, source: int, link: Link, threshold: int | None) -> Operand:
        found, kernel = self.maps[source], None
        if link.geometry is None and link.kernel != found.size:
            kernel = link.kernel
            if (source, kernel) not in self._averaged:
                self._averaged[source, kernel] = self._map(found.n_nodes, kernel)
                add_average(self.builder, found, self._averaged[source, kernel])
            found = self._averaged[source, kernel]
        if threshold is None:
            return Operand(source, kernel, self._as_read(found), None)
        draws = Given(DRAWS, 2 * self.n_draws)
        self.n_draws += found.numel
        dropped = self._map(found.n_nodes, found.size)
        add_drop(self.builder, found, dropped, draws, threshold, adds=False)
        return Operand(source, kernel, self._as_read(dropped), draws)

    def _as_read(self, found: BlockMap) -> BlockMap:
        """Return a map as links read it."""
        if not self.halves:
            return found
        if found.place not in self._halved:
            self._halved[found.place] = add_halves(self.builder, found)
        return self._halved[found.place]

    def _take(self, step: Step, before: BlockMap) -> Taken:
        if step.kind == "rectify":
            add_finish(self.builder, before, before, Finish(("relu",)))
            return Taken(step, before, before)
        after = self._map(before.n_nodes, step.size)
        last: tuple[StepName, ...] = ("relu",) if step.rectifies else ()
        if step.kind == "mean":
            add_average(self.builder, before, after)
            return Taken(step, before, after)
        if step.kind == "max":
            taps = self.builder.buffer(after.numel)
            add_finish(self.builder, before, after, Finish((), step.pool, last), taps=taps)
            return Taken(step, before, after, taps)
        norm = self._norm(step, before.n_nodes)
        numbers = add_statistics(self.builder, before, norm)
        add_finish(self.builder, before, after, Finish(("affine", *last)), numbers)
        return Taken(step, before, after, norm=norm)

    def _norm(self, step: Step, n_nodes: int) -> Norm:
        module: _BatchNorm = step.norm
        weight, bias = (
            constant(value, n_nodes, self.element)
            if module._parameters[name] is None
            else self.tensors.parameter(module, name)
            for name, value in (("weight", 1), ("bias", 0))
        )
        mean = variance = None
        moves = tracks_statistics(module)
        if step.is_fixed or moves:
            mean, variance = (self.tensors.buffer(module, f"running_{name}") for name in ("mean", "var"))
        momentum = module.momentum if moves else None
        kept = self.builder.buffer(16 * n_nodes)
        return Norm(module.eps, momentum, step.is_fixed, weight, bias, mean, variance, kept)

    def _map(self, n_nodes: int, size: tuple[int, ...]) -> BlockMap:
        found = BlockMap(0, n_nodes, size, *self.samples, self.element)
        return replace(found, place=self.builder.buffer(found.nbytes))

    def outputs(self) -> list[BlockMap]:
        """Return the maps of which the network's output consists: the last one, or those of all layers."""
        return self.maps[1:] if self.hands_on_all else self.maps[-1:]

    def finished(self, *, trains: bool) -> Script:
        """Return the script; from now on addresses are those at which later passes find what outlives this one.

        Args:
            trains: whether a backward pass follows, and what it needs is to be kept.
        """
        kept = [each.place for each in self.outputs()]
        if trains:
            kept += [each.read.place for operands in self.operands for each in operands]
        for taken in (each for of_layer in self.taken for each in of_layer if trains):
            kept += [] if taken.taps is None else [taken.taps]
            kept += [] if taken.norm is None else [taken.norm.kept, taken.before.place]
            kept += [taken.after.place] if taken.step.kind == "rectify" or taken.step.rectifies else []
        script, starts = self.builder.finished([place for place in kept if isinstance(place, Held)])

        def found(place: Address) -> Address:
            if isinstance(place, Held) and place.buffer in starts:
                return Given(FORWARD, starts[place.buffer] + place.offset)
            return place

        def found_map(of_pass: BlockMap) -> BlockMap:
            return replace(of_pass, place=found(of_pass.place))

        self.maps = [*map(found_map, self.maps)]
        self.operands = [[replace(each, read=found_map(each.read)) for each in operands] for operands in self.operands]
        self.taken = [
            [
                replace(
                    each,
                    before=found_map(each.before),
                    after=found_map(each.after),
                    taps=None if each.taps is None else found(each.taps),
                    norm=None if each.norm is None else replace(each.norm, kept=found(each.norm.kept)),
                )
                for each in of_layer
            ]
            for of_layer in self.taken
        ]
        return script
