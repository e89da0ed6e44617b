"""Long links whose edges have one weight each, and as many more edges."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..nn import Link, SmallWorldLayer, SmallWorldNetwork, initialise_, strided
from ..nn._network import number_link_shapes
from ..nn.kernels import LinkShape
from ._study_settings import StudyNetwork

Part = tuple[Link, LinkShape]


def use_pointwise_links(network: SmallWorldNetwork, settings: StudyNetwork, seed: int) -> SmallWorldNetwork:
    """Give the long links of a network, in place, kernels of one tap, at equal weights; all weights are drawn anew.

    An edge with a kernel of k taps becomes k edges of one: itself, and others between the same two layers, drawn
    uniformly from the pairs of nodes without one. Into a convolution such an edge reads every so many-th place of its
    map, into a linear layer the mean of it. As many edges change as there are pairs for, drawn uniformly; the others
    keep their kernels, as do those from the layer before.

    Args:
        network: whose links they are.
        settings: its long_kernel counts for links into convolutions, its linear_kernel for those into linear layers.
        seed: of the edges and the weights.

    Returns:
        The network; its plan still has the edges before.
    """
    generator = np.random.default_rng([seed, 3])
    chain = network.plan.chain
    for number, layer in enumerate(network.each_layer(), start=1):
        parts: list[tuple[int, Part]] = []
        for (source, link), shape in zip(layer.each_link(), layer.link_shapes, strict=True):
            kind = settings.linear_kernel if link.geometry is None else settings.long_kernel
            if kind == "pointwise" and source < number - 1 and math.prod(link.kernel) > 1:
                size = chain.map_shape(source)[1:]
                parts += [(source, part) for part in _changed(layer, link, shape, size, generator)]
            else:
                parts.append((source, (link, shape)))
        layer.sources = [source for source, _ in parts]
        layer.links = nn.ModuleList(link for _, (link, _) in parts)
        layer.link_shapes = [shape for _, (_, shape) in parts]
    number_link_shapes(network)
    initialise_(network, torch.Generator().manual_seed(seed))
    return network.use_backend(network.backend)


def _changed(
    layer: SmallWorldLayer, link: Link, shape: LinkShape, size: tuple[int, ...], generator: np.random.Generator
) -> list[Part]:
    """Return a link of the edges that keep their kernels, unless none does, and one of those with one tap."""
    n_taps, n_edges, n_pairs = math.prod(link.kernel), len(link.weight), link.mask.numel()
    n_changed = min(n_edges, (n_pairs - n_edges) // (n_taps - 1))
    if n_changed == 0:
        return [(link, shape)]
    edges = np.flatnonzero(link.mask.numpy())
    changed = generator.choice(edges, n_changed, replace=False)
    free = np.flatnonzero(~link.mask.numpy())
    more = generator.choice(free, n_changed * (n_taps - 1), replace=False)
    kept = np.setdiff1d(edges, changed)
    parts = [(Link(_mask(kept, link.mask), link.kernel, link.geometry), shape)] if len(kept) else []
    ones = (1,) * len(link.kernel)
    pointwise = _mask(np.concatenate((changed, more)), link.mask)
    if link.geometry is None:
        parts.append((Link(pointwise, ones, None), LinkShape(ones, ones, ones, ones, (0,) * len(ones), ones)))
        return parts
    geometry = strided(size, layer.size, ones, ones)
    before = tuple(pair[0] for pair in geometry.padding)
    of_map = LinkShape(size, layer.size, ones, geometry.stride, before, ones)
    return [*parts, (Link(pointwise, ones, geometry), of_map)]


def _mask(places: NDArray[np.int64], like: Tensor) -> Tensor:
    mask = torch.zeros_like(like)
    mask.view(-1)[torch.from_numpy(places)] = True
    return mask
