"""Other ways in which the links of a small-world network carry maps to their ends."""

import math
from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor, nn

from ..nn import Geometry, Link, SmallWorldLayer, SmallWorldNetwork, fan_ins, strided
from ..nn._network import number_link_shapes
from ..nn.kernels import LinkShape, apply_by_channel
from ._study_settings import StudyNetwork

Shape = tuple[int, ...]

_POOLS: dict[str, tuple[Callable[..., Tensor], ...]] = {
    "average": (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d),
    "max": (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d),
}


class PooledLink(Link):
    """A link whose map is pooled to a size before its weights meet it.

    Args:
        link: whose edges and weights it has.
        geometry: how the kernel meets the pooled map; None where the link ends at a linear layer.
        size: of the pooled map.
        pooling: 'average' or 'max', adaptive.
    """

    def __init__(self, link: Link, geometry: Geometry | None, size: Shape, pooling: str) -> None:
        super().__init__(link.mask, link.kernel, geometry)
        self.weight = link.weight
        self.size = size
        self.pooling = pooling
        if link.wiring is not None:
            self.make_wiring()

    def forward(self, source: Tensor, dropout: Callable[[Tensor], Tensor], bias: Tensor | None = None) -> Tensor:
        """Return what the link adds to its end, as `Link.forward`."""
        return super().forward(self._pool(source), dropout, bias)

    def pool_blocks(self, source: Tensor) -> Tensor:
        """Return the blocks of a source map, of shape `[blocks, sources, *size, block]`, pooled."""
        return apply_by_channel(self._pool, source)

    def _pool(self, source: Tensor) -> Tensor:
        return source if source.shape[2:] == self.size else _POOLS[self.pooling][len(self.size) - 1](source, self.size)


class NormedLink(Link):
    """A link whose part of the sum has a batch norm without weights of its own.

    After it each node's part has the variance that its share in the node's fan-in gives it, whatever came in.

    Args:
        link: whose edges and weights it has.
        shares: of the link in the fan-in of each node at its end, `[targets]`.
    """

    scale: Tensor

    def __init__(self, link: Link, shares: Tensor) -> None:
        super().__init__(link.mask, link.kernel, link.geometry)
        self.weight = link.weight
        self.norm = nn.BatchNorm1d(len(shares), affine=False)
        self.register_buffer("scale", shares.sqrt())

    def forward(self, source: Tensor, dropout: Callable[[Tensor], Tensor], bias: Tensor | None = None) -> Tensor:
        """Return what the link adds to its end, as `Link.forward`."""
        flow = super().forward(source, dropout)
        shape = (-1, *(1,) * (flow.ndim - 2))
        normed: Tensor = self.norm(flow.flatten(2) if flow.ndim > 2 else flow)
        normed = normed.view_as(flow) * self.scale.view(shape)
        return normed if bias is None else normed + bias.view(shape)


def vary_links(network: SmallWorldNetwork, settings: StudyNetwork) -> SmallWorldNetwork:
    """Give the long links of a network, in place, the stride rule, pooling and norm that a study asks for.

    Links into the next layer keep their convolution.

    Args:
        network: with weights, which stay.
        settings: its stride, linear_pooling and link_norm count.

    Returns:
        The network; on masked convolutions if links have norms.
    """
    chain = network.plan.chain
    for number, layer in enumerate(network.each_layer(), start=1):
        for position, (source, link) in enumerate(layer.each_link()):
            size = chain.map_shape(source)[1:]
            if link.geometry is None:
                if settings.linear_pooling == "max" and size != link.kernel:
                    layer.links[position] = PooledLink(link, None, link.kernel, "max")
            elif source < number - 1 and size != layer.size:
                _vary_stride_(layer, position, link, size, settings.stride)
        if settings.link_norm:
            totals = fan_ins(layer)
            for position, (_, link) in enumerate(layer.each_link()):
                own = link.mask.sum(1) * math.prod(link.kernel)
                layer.links[position] = NormedLink(link, own / totals.clamp(min=1))
    number_link_shapes(network)
    return network.use_backend("masked" if settings.link_norm else network.backend)


def _vary_stride_(layer: SmallWorldLayer, position: int, link: Link, size: Shape, stride: str) -> None:
    geometry = link.geometry
    if stride == "strided" or geometry is None:
        return
    if stride == "dilated":
        spread = tuple(own * step for own, step in zip(geometry.dilation, geometry.stride, strict=True))
        geometry = strided(size, layer.size, link.kernel, spread)
        link.geometry = geometry
    else:
        size = layer.size
        geometry = strided(size, size, link.kernel, geometry.dilation)
        layer.links[position] = PooledLink(link, geometry, size, "average")
    before = tuple(pair[0] for pair in geometry.padding)
    layer.link_shapes[position] = LinkShape(size, layer.size, link.kernel, geometry.stride, before, geometry.dilation)
