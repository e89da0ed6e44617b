"""Forward passes of small batches that compiled code does in few calls, on buffers that stay between passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ._native_stages import Form, stage_form
from .kernels import Element, Schedule, Workspace

if TYPE_CHECKING:
    from ._network import SmallWorldNetwork

Forms = tuple[tuple[Form | None, ...], ...]
"""What each layer's operations do."""

Part = Callable[[Workspace, Tensor], Tensor | None]
"""A part of a pass, which is given the inputs; the last one returns the output."""

DTYPES: dict[torch.dtype, Element] = {torch.float32: "float32", torch.float64: "float64"}


def forms_of(network: SmallWorldNetwork) -> Forms | None:
    """Return what the operations after each layer do now; None while dropouts before one drop."""
    forms = []
    for layer in network.layers._modules.values():
        parts: Any = layer._modules  # looked up in each pass: `layer.stages` takes ten times as long
        if parts["dropout"].drops:
            return None
        forms.append(tuple([stage_form(stage) for stage in parts["stages"]._modules.values()]))
    return tuple(forms)


def is_parametrized(network: SmallWorldNetwork) -> bool:
    """Return whether weights or biases are made of others each time (`torch.nn.utils.parametrize`)."""
    layers = network.each_layer()
    links = [link for layer in layers for _, link in layer.each_link()]
    return any("weight" not in link._parameters for link in links) or any(
        layer.bias is not None and "bias" not in layer._parameters for layer in layers
    )


@dataclass(frozen=True)
class GivenTensor:
    """A tensor that a pass reads, which may be another one in the next pass.

    Args:
        of_module: the parameters or the buffers of a module, by name.
        name: its name.
        dtype: its type.
    """

    of_module: Mapping[str, Tensor | None]
    name: str
    dtype: torch.dtype


class NativePass:
    """A network's pass over inputs of one shape and type.

    Args:
        schedule: what compiled code does.
        given: the tensors that it reads, beside the inputs.
        parts: what is done in turn.
    """

    def __init__(self, schedule: Schedule, given: Sequence[GivenTensor], parts: Sequence[Part]) -> None:
        self.schedule, self.parts = schedule, tuple(parts)
        self.given = [(each.of_module, each.name) for each in given]
        self.dtypes = [each.dtype for each in given]
        self.idle: list[Workspace] = []

    def __call__(self, inputs: Tensor) -> Tensor | None:
        """Return the output; None where a tensor of the network is not as compiled code reads it.

        Args:
            inputs: of shape `[batch, sources, *size]`.
        """
        tensors = [of_module.get(name) for of_module, name in self.given]
        if [None if tensor is None else tensor.dtype for tensor in tensors] != self.dtypes:
            return None
        found = cast(list[Tensor], tensors)
        if not all([tensor.is_cpu and tensor.is_contiguous() for tensor in found]):  # noqa: C419, it takes half the time
            return None
        source = inputs.movedim(0, -1).contiguous()
        try:
            workspace = self.idle.pop()  # one for each thread that is in a pass now
        except IndexError:
            workspace = Workspace(self.schedule)
        try:
            workspace.give([source.data_ptr(), *[tensor.data_ptr() for tensor in found]])
            output = None
            for part in self.parts:
                output = part(workspace, inputs)
            return output
        finally:
            self.idle.append(workspace)
