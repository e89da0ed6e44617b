from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..kernels import SMALL_BATCH, vector_bytes
from ._choice import Choice, LinkSeconds, choose
from ._costs import LinkCosts
from ._work import dense_work, sparse_work

if TYPE_CHECKING:
    from .._network import SmallWorldNetwork


def choose_for(
    network: SmallWorldNetwork, batch: int, costs: LinkCosts, *, trains: bool = True, mixes: bool = True
) -> Choice:
    """Return which links of a network are to be computed densely.

    Args:
        network: the network.
        batch: samples.
        costs: what a link's work takes on this processor.
        trains: whether a backward pass follows.
        mixes: whether some links may be dense and others not.
    """
    chain, lanes = network.plan.chain, vector_bytes() // 4
    layers = []
    for layer in network.each_layer():
        links = []
        for (source, link), shape in zip(layer.each_link(), layer.link_shapes, strict=True):
            n_targets, n_sources = link.mask.shape
            amounts = (link.weight.shape[0], n_sources, n_targets, batch)
            sparse = costs.sparse_seconds(sparse_work(shape, *amounts, trains=trains, lanes=lanes))
            dense = costs.dense_seconds(dense_work(shape, *amounts), linear=link.geometry is None)
            links.append(LinkSeconds(source, sparse, dense))
        layers.append(links)
    # a small batch's maps stay as they are without gradients, and with one sample both orders are the same
    is_moved = batch >= SMALL_BATCH or (trains and batch > 1)
    sizes = [batch * math.prod(chain.map_shape(number)) if is_moved else 0 for number in range(len(layers) + 1)]
    return choose(layers, [costs.moved * size for size in sizes], mixes=mixes)
