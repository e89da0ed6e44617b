from typing import cast

import torch
from torch import Tensor, nn

from .._errors import InvalidValueError
from ..trace import Layer, create_module
from ._dropout import InflowDropout
from ._geometry import link_geometry
from ._initialise import initialise_
from ._link import Link
from ._plan import Plan


class SmallWorldLayer(nn.Module):
    """A layer that sums what flows in from all earlier layers (SWANN paper, Eq. 4).

    Args:
        plan: the network's plan.
        number: the layer's number in the chain, from 1.
    """

    def __init__(self, plan: Plan, number: int) -> None:
        super().__init__()
        layer: Layer = plan.chain.layers[number - 1]
        self.n_nodes = layer.n_outputs
        self.size = layer.size
        self.map_shape = layer.map_shape
        self.sources: list[int] = []
        links: list[Link] = []
        for source in reversed(range(number)):
            block = plan.rewiring.graph.block(source, number)
            if block.any():
                mask = torch.from_numpy(block.T.copy())
                kernel = plan.chain.layers[source].kernel
                links.append(Link(mask, kernel, link_geometry(plan.chain, source, number)))
                self.sources.append(source)
        self.links = nn.ModuleList(links)
        self.bias = nn.Parameter(torch.empty(layer.n_outputs)) if layer.bias else None
        self.dropout = InflowDropout(layer.dropouts)
        self.stages = nn.Sequential(*map(create_module, plan.stages(layer)))

    def each_link(self) -> list[tuple[int, Link]]:
        """Return the links that end here with the layers that they start from, the nearest first."""
        return [(source, cast(Link, link)) for source, link in zip(self.sources, self.links, strict=True)]

    def forward(self, maps: list[Tensor | None]) -> Tensor:
        """Return the layer's output after its stages.

        Args:
            maps: the maps of all earlier layers, the input's first; those that this layer does not read may be None.
        """
        total: Tensor | None = None
        for source, link in zip(self.sources, self.links, strict=True):
            if total is None:
                total = link(maps[source], self.dropout, self.bias)
            else:
                total = total + link(maps[source], self.dropout)
        if total is None:
            total = self._without_inputs(maps)
        return cast(Tensor, self.stages(total))

    def _without_inputs(self, maps: list[Tensor | None]) -> Tensor:
        example = next(source for source in maps if source is not None)
        total = example.new_zeros(example.shape[0], self.n_nodes, *self.size)
        return total if self.bias is None else total + self.bias.view(-1, *(1,) * len(self.size))


class SmallWorldNetwork(nn.Module):
    """A network whose layers are joined by the links of a plan; it has as many weights as the one it comes from.

    Args:
        plan: what the network consists of.

    >>> import swann
    >>> model = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.Flatten(), nn.Linear(6, 9), nn.Linear(9, 10))
    >>> network = swann.convert(model, torch.ones(1, 1, 5, 5), p=0.5)
    >>> network(torch.ones(8, 1, 5, 5)).shape
    torch.Size([8, 10])
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan
        self.input_stages = nn.Sequential(*map(create_module, plan.chain.input_stages))
        self.layers = nn.ModuleList(SmallWorldLayer(plan, number) for number in range(1, len(plan.chain.layers) + 1))
        self._last_use = {source: number for number, layer in enumerate(self.each_layer()) for source in layer.sources}
        # the wiring is the same in all processes: distributed training need not send it with every step
        fixed = ("mask", "index")
        self._ddp_params_and_buffers_to_ignore = [name for name, _ in self.named_buffers() if name.endswith(fixed)]

    def each_layer(self) -> list[SmallWorldLayer]:
        """Return the layers in order."""
        return [cast(SmallWorldLayer, layer) for layer in self.layers]

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the network's output for inputs of shape `[batch, *plan.chain.input_shape]`."""
        expected = self.plan.chain.input_shape
        if inputs.shape[1:] != expected:
            raise InvalidValueError(
                f"the network reads inputs of shape [batch, {', '.join(map(str, expected))}], got {list(inputs.shape)}"
            )
        output: Tensor = self.input_stages(inputs)
        maps: list[Tensor | None] = [output]
        for number, layer in enumerate(self.each_layer()):
            output = layer(maps)
            maps.append(output.reshape(-1, *layer.map_shape))
            for source in range(number + 1):
                if self._last_use.get(source, -1) <= number:
                    maps[source] = None  # no later layer reads it
        return output

    def extra_repr(self) -> str:
        """Return the plan's main figures for printing."""
        return f"p={self.plan.rewiring.rewiring_probability:g}, links={len(self.plan.links())}"


def build(plan: Plan, *, seed: int = 0) -> SmallWorldNetwork:
    """Return the network of a plan with new weights.

    Args:
        plan: what the network consists of.
        seed: seeds the weights; no global random state is touched.
    """
    with torch.random.fork_rng(devices=[]):  # norms and activations may draw their own first values
        network = SmallWorldNetwork(plan)
    initialise_(network, torch.Generator().manual_seed(seed))
    return network
