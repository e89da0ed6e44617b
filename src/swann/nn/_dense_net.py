from typing import cast

from torch import Tensor, nn

from ._dense_net_plan import DenseNetPlan
from ._network import Backend, SmallWorldNetwork, fixed_buffers


class SmallWorldDenseNet(nn.Module):
    """The small-world twin of a DenseNet: each dense block is a small-world network, the rest is as it was.

    Each part is a `SmallWorldNetwork` in `parts`; those of the dense blocks hand on their input and the maps of all
    their layers, joined.

    Args:
        plan: what the network consists of.
        backend: how it is computed; see `use_backend`.

    >>> import torch, swann
    >>> twin = swann.convert(swann.models.densenet40(width=0.25), torch.ones(1, 3, 32, 32), p=0.9)
    >>> [block.rewiring.graph for block in twin.plan.blocks][0]
    LayerGraph(6-3-3-3-3-3-3-3-3-3-3-3-3: 42 nodes, 117 edges)
    >>> twin(torch.ones(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    def __init__(self, plan: DenseNetPlan, backend: Backend = "auto") -> None:
        super().__init__()
        self.plan = plan
        self.parts = nn.ModuleList(SmallWorldNetwork(part, backend) for part in plan.parts)
        self.backend = backend
        self._ddp_params_and_buffers_to_ignore = fixed_buffers(self)

    def each_part(self) -> list[SmallWorldNetwork]:
        """Return the networks of the parts in order."""
        return [cast(SmallWorldNetwork, part) for part in self.parts]

    def use_backend(self, backend: Backend) -> "SmallWorldDenseNet":
        """Choose how all parts are computed, as `SmallWorldNetwork.use_backend` does.

        Raises:
            UnknownNameError: the backend is not known.
        """
        for part in self.each_part():
            part.use_backend(backend)
        self.backend = backend
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the network's output for inputs of shape `[batch, *plan.input_shape]`."""
        for part in self.parts:
            inputs = part(inputs)
        return inputs

    def extra_repr(self) -> str:
        """Return the plan's main figures for printing."""
        return "p=" + ", ".join(f"{block.rewiring.rewiring_probability:g}" for block in self.plan.blocks)
