"""The tensors that the scripts of a pass read, and where their gradients go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ._native_pass import GivenTensor
from .kernels import Address, BlockMap, Given, LinkShape, Pass, ScriptBuilder, offsets_by_source, offsets_by_target

if TYPE_CHECKING:
    from ._network import SmallWorldLayer

INPUTS, DRAWS, FORWARD, GRADIENT, OF_TENSORS, OF_INPUTS, _FIRST = range(1, 8)
"""The numbers of the addresses that scripts are given, after that of their own buffers: the inputs, what dropouts draw,
the buffers of the forward pass, the gradient of the output, where those of the tensors go and that of the inputs; then
the tensors.
"""


class PassTensors:
    """The parameters and buffers that scripts read, each as it is in the pass.

    Args:
        dtype: the type of the parameters.
    """

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.given: list[GivenTensor] = []
        self.starts: list[int | None] = []  # where the gradient of each begins among all; None where there is none
        self.parameters: list[int] = []  # the numbers of those that are no buffers
        self.n_numbers = 0  # in all these gradients
        self._known: dict[tuple[int, str], Given] = {}

    def parameter(self, module: nn.Module, name: str) -> Given:
        """Return the address of a parameter."""
        return self._address(module._parameters, name, self.dtype, is_parameter=True)

    def buffer(self, module: nn.Module, name: str, dtype: torch.dtype | None = None) -> Given:
        """Return the address of a buffer, of a type; that of the parameters if None."""
        return self._address(module._buffers, name, dtype or self.dtype, is_parameter=False)

    def _address(
        self, of_module: Mapping[str, Tensor | None], name: str, dtype: torch.dtype, *, is_parameter: bool
    ) -> Given:
        key = id(of_module), name
        if key not in self._known:
            tensor = of_module[name]
            if is_parameter:
                self.parameters.append(len(self.given))
            self._known[key] = Given(_FIRST + len(self.given))
            self.given.append(GivenTensor(of_module, name, dtype))
            is_wanted = tensor is not None and tensor.requires_grad
            self.starts.append(self.n_numbers if is_wanted else None)
            self.n_numbers += tensor.numel() if tensor is not None and is_wanted else 0
        return self._known[key]

    def gradient(self, module: nn.Module, name: str) -> Given | None:
        """Return where the gradient of a parameter goes; None if it has none."""
        if module._parameters.get(name) is None:
            return None
        start = self.starts[self.parameter(module, name).number - _FIRST]
        return None if start is None else Given(OF_TENSORS, start * self.dtype.itemsize)


def add_links(
    builder: ScriptBuilder,
    kind: Pass,
    tensors: PassTensors,
    links: Sequence[tuple[SmallWorldLayer, int]],
    result: BlockMap,
    operands: Sequence[BlockMap],
) -> None:
    """Add what links do in one pass: all of them to one result, or of one gradient to the weights of each.

    Args:
        builder: the script.
        kind: the pass.
        tensors: what scripts read.
        links: each by the layer where it ends, and its position among those.
        result: the layer's map in the forward pass; the gradient of the map where the links start; or, for the
            weights, the gradient of the layer's map.
        operands: for each link the map where it starts, or the gradient of the layer's map where it ends.
    """
    shapes: list[LinkShape] = []
    nodes: list[tuple[int, int]] = []
    addresses: list[tuple[Address, ...]] = []
    for (layer, position), operand in zip(links, operands, strict=True):
        _, link = layer.each_link()[position]
        n_targets, n_sources = link.mask.shape
        wiring = tensors.buffer(link, "wiring", torch.int32)
        weight: Address | None = tensors.parameter(link, "weight")
        if kind == "weight":
            weight = tensors.gradient(link, "weight")
        offsets: tuple[int, ...] = offsets_by_target(n_targets)
        if kind == "input":
            offsets = offsets_by_source(n_targets, n_sources, len(link.weight))
        indptr, indices, *order = (Given(wiring.number, offset) for offset in offsets)
        shapes.append(layer.link_shapes[position])
        nodes.append((n_targets, n_sources))
        addresses.append((result.place, operand.place, indptr, indices, weight or 0, *order))
    samples = result.n_blocks * (2 if result.is_halved else 1), result.block
    halves = any(operand.is_halved for operand in operands)
    builder.add_links(kind, shapes, result.element, samples, nodes, addresses, halves=halves)
