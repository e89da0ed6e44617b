"""Forward passes of small batches that compiled code does in few calls, on buffers that stay between passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules

from ._native_stages import Form, stage_form
from .kernels import Element, Schedule, Workspace

if TYPE_CHECKING:
    from ._link import Link
    from ._network import SmallWorldLayer, SmallWorldNetwork

Forms = tuple[tuple[Form | None, ...], ...]
"""What each layer's operations do."""

Part = Callable[[Workspace, Tensor], Tensor | None]
"""A part of a pass, which is given the inputs; the last one returns the output."""

DTYPES: dict[torch.dtype, Element] = {torch.float32: "float32", torch.float64: "float64"}


def has_global_hooks() -> bool:
    """Return whether somebody listens to all modules."""
    return bool(modules._global_forward_hooks or modules._global_forward_pre_hooks)


def forms_of(network: SmallWorldNetwork) -> Forms | None:
    """Return what the operations after each layer do now; None while dropouts before one drop."""
    forms = []
    for layer in network.layers._modules.values():
        parts: Any = layer._modules  # looked up in each pass: `layer.stages` takes ten times as long
        if parts["dropout"].drops:
            return None
        forms.append(tuple([stage_form(stage) for stage in parts["stages"]._modules.values()]))
    return tuple(forms)


@dataclass(frozen=True)
class GivenTensors:
    """Where the tensors stand that a pass reads, of one layer.

    Args:
        layer: the layer.
        links: those of its links whose edges compiled code computes.
        norms: its batch norms.
        reads_bias: whether its bias is read.
    """

    layer: SmallWorldLayer
    links: tuple[Link, ...]
    norms: tuple[nn.Module, ...]
    reads_bias: bool

    def add_addresses(self, found: list[int], dtype: torch.dtype) -> bool:
        """Add their addresses to others: of each link, of the bias, of each norm.

        Return whether all tensors are as compiled code reads them: of a type, contiguous and on the CPU.
        """
        tensors: list[Tensor | None] = [link._parameters["weight"] for link in self.links]
        after = 4 * (self.layer.n_nodes + 1)
        for link in self.links:
            start = link._buffers["wiring"].data_ptr()  # type: ignore[union-attr]
            found += (start, start + after)
        if self.reads_bias:
            tensors.append(self.layer._parameters["bias"])
        for norm in self.norms:
            of_norm, parameters = norm._buffers, norm._parameters
            tensors += (of_norm["running_mean"], of_norm["running_var"], parameters["weight"], parameters["bias"])
        for tensor in tensors:
            if tensor is None:
                found.append(0)
            elif tensor.dtype == dtype and tensor.is_cpu and tensor.is_contiguous():
                found.append(tensor.data_ptr())
            else:
                return False
        return True


@dataclass(eq=False)
class NativePass:
    """A network's pass over inputs of one shape and type.

    Args:
        schedule: what compiled code does.
        given: the tensors that it reads.
        parts: what is done in turn.
    """

    schedule: Schedule
    given: tuple[GivenTensors, ...]
    parts: tuple[Part, ...]

    def __post_init__(self) -> None:
        self.idle: list[Workspace] = []

    def __call__(self, inputs: Tensor) -> Tensor | None:
        """Return the output; None where a tensor of the network is not as compiled code reads it.

        Args:
            inputs: of shape `[batch, sources, *size]`.
        """
        source = inputs.movedim(0, -1).contiguous()
        addresses = [source.data_ptr()]
        if not all(tensors.add_addresses(addresses, inputs.dtype) for tensors in self.given):
            return None
        try:
            workspace = self.idle.pop()  # one for each thread that is in a pass now
        except IndexError:
            workspace = Workspace(self.schedule)
        try:
            workspace.give(addresses)
            output = None
            for part in self.parts:
                output = part(workspace, inputs)
            return output
        finally:
            self.idle.append(workspace)
