"""Forward passes of small batches that compiled code does in few calls, on buffers that stay between passes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor

from ._finish import NORMS
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


def has_its_tensors(network: SmallWorldNetwork) -> bool:
    """Return whether all tensors are of the sizes that compiled code expects.

    It is not so where parametrizations make weights of others (`torch.nn.utils.parametrize`), nor where somebody has
    put a tensor of another size in the place of one.
    """
    for layer in network.each_layer():
        for _, link in layer.each_link():
            weight, wiring = link._parameters.get("weight"), link.wiring
            if weight is None or wiring is None or weight.shape[1:] != link.kernel:
                return False
            if len(wiring) != 3 * len(weight) + sum(link.mask.shape) + 2:
                return False
        of_norms = [
            tensor
            for stage in layer.each_stage()
            if isinstance(stage, NORMS)
            for tensor in (stage.running_mean, stage.running_var, stage.weight, stage.bias)
        ]
        bias = layer._parameters.get("bias")
        if bias is None and layer.bias is not None:
            return False
        if any(tensor is not None and tensor.shape != (layer.n_nodes,) for tensor in (bias, *of_norms)):
            return False
    return True


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


class GivenTensors:
    """The tensors that a pass reads, as they are when it begins.

    Args:
        given: these tensors, all of the sizes that they have now.
    """

    def __init__(self, given: Sequence[GivenTensor]) -> None:
        self._places = [(each.of_module, each.name) for each in given]
        self._dtypes: list[torch.dtype | None] = [each.dtype for each in given]
        tensors = [each.of_module[each.name] for each in given]
        self._shapes = [None if tensor is None else tensor.shape for tensor in tensors]

    def now(self) -> list[Tensor] | None:
        """Return the tensors; None where one is not as compiled code reads it."""
        tensors = [of_module.get(name) for of_module, name in self._places]
        if [None if tensor is None else tensor.dtype for tensor in tensors] != self._dtypes:
            return None
        found = cast(list[Tensor], tensors)
        if [tensor.shape for tensor in found] != self._shapes:
            return None
        if not all([tensor.is_cpu and tensor.is_contiguous() for tensor in found]):  # noqa: C419, it takes half the time
            return None
        return found


class NativePass:
    """A network's pass over inputs of one shape and type.

    Args:
        schedule: what compiled code does.
        given: the tensors that it reads, beside the inputs.
        parts: what is done in turn.
    """

    def __init__(self, schedule: Schedule, given: Sequence[GivenTensor], parts: Sequence[Part]) -> None:
        self.schedule, self.parts = schedule, tuple(parts)
        self.given = GivenTensors(given)
        self.idle: list[Workspace] = []

    def __call__(self, inputs: Tensor) -> Tensor | None:
        """Return the output; None where a tensor of the network is not as compiled code reads it.

        Args:
            inputs: of shape `[batch, sources, *size]`.
        """
        found = self.given.now()
        if found is None:
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
