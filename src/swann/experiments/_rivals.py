"""Other networks with long connections, made of the same chain with as many weights."""

import numpy as np
from torch import nn

from .._errors import InvalidValueError
from ..trace import Chain
from ._aggregated_chain import AggregatedChain, scaled_chain
from ._discovered_wiring import DiscoveredWiring
from ._study_settings import Rival

Reads = list[list[int]]


def build_rival(name: Rival, chain: Chain, order: str, seed: int) -> nn.Module:
    """Return a network with as many weights as a chain, or a few less.

    Args:
        name: 'shortcuts' for identity shortcuts round every two layers after the first (He et al. 2016); 'densenet' for
            layers that read the maps of all earlier ones, concatenated (Huang et al. 2017), and are narrower by one
            factor, the largest with which there are no more weights; 'randwire' for layers that read a sum of maps as a
            random Watts–Strogatz graph says, each with a learned weight (Xie et al. 2019); 'dnw' for a wiring that is
            learned (Wortsman et al. 2019).
        chain: the layers.
        order: 'paper' or 'keep'.
        seed: of the weights, and of the graph.

    Raises:
        InvalidValueError: the chain cannot be so joined.
    """
    n_layers = len(chain.layers)
    if name == "shortcuts":
        return AggregatedChain(chain, shortcut_reads(n_layers), "sum", gated=False, order=order, seed=seed)
    if name == "randwire":
        reads = randwire_reads(n_layers, seed)
        return AggregatedChain(chain, reads, "sum", gated=True, order=order, seed=seed)
    if name == "densenet":
        reads = [list(range(number)) for number in range(1, n_layers + 1)]
        narrow = narrowed(chain)
        return AggregatedChain(narrow, reads, "concatenate", gated=False, order=order, seed=seed)
    return DiscoveredWiring(chain, order=order, seed=seed)


def shortcut_reads(n_layers: int) -> Reads:
    """Return what each layer reads where identity shortcuts lead round every two layers after the first.

    Summed up, the inputs of a block are the first layer's map and the maps of all blocks before it.

    >>> shortcut_reads(6)
    [[0], [1], [2], [1, 3], [4], [1, 3, 5]]
    """
    reads = []
    for number in range(n_layers):
        begins_block = number % 2 == 1
        reads.append(list(range(1, number + 1, 2)) if begins_block else [number])
    return reads


def randwire_reads(n_layers: int, seed: int, *, n_neighbours: int = 4, p: float = 0.75) -> Reads:
    """Return what each layer of a chain reads where its inner layers are the nodes of a Watts–Strogatz graph.

    Edges run from the lower number to the higher. A node that nothing runs into reads the network's input; the last
    layer reads the nodes that nobody else does (Xie et al. 2019, whose best settings are the defaults).

    Args:
        n_layers: of the chain, with the last.
        seed: of the graph.
        n_neighbours: of each node in the ring before the rewiring, even.
        p: probability with which an edge is rewired.
    """
    n_nodes = n_layers - 1
    reads: Reads = [[] for _ in range(n_nodes)]
    for first, second in sorted(watts_strogatz(n_nodes, min(n_neighbours, (n_nodes - 1) // 2 * 2), p, seed)):
        reads[second].append(first + 1)
    read = {source for sources in reads for source in sources}
    sinks = [number for number in range(1, n_nodes + 1) if number not in read]
    return [*(sources or [0] for sources in reads), sinks]


def watts_strogatz(n_nodes: int, n_neighbours: int, p: float, seed: int) -> set[tuple[int, int]]:
    """Return the edges of a small-world graph (Watts & Strogatz, Nature 393, 1998), lower number first.

    A ring in which each node is joined to its nearest ones; clockwise, and for one distance after the other, the far
    end of each edge moves with probability p to a node that its near end is not joined to.

    Args:
        n_nodes: nodes.
        n_neighbours: of each in the ring; even, less than the nodes.
        p: probability.
        seed: of the draws.

    >>> sorted(watts_strogatz(4, 2, 0.0, 0))
    [(0, 1), (0, 3), (1, 2), (2, 3)]
    """
    generator = np.random.default_rng([seed, 2])
    near: list[set[int]] = [set() for _ in range(n_nodes)]

    def join(first: int, second: int) -> None:
        near[first].add(second)
        near[second].add(first)

    steps = range(1, n_neighbours // 2 + 1)
    for step in steps:
        for node in range(n_nodes):
            join(node, (node + step) % n_nodes)
    for step in steps:
        for node in range(n_nodes):
            old = (node + step) % n_nodes
            free = [other for other in range(n_nodes) if other != node and other not in near[node]]
            if old in near[node] and free and generator.random() < p:
                near[node].remove(old)
                near[old].remove(node)
                join(node, int(generator.choice(free)))
    return {(node, other) for node in range(n_nodes) for other in near[node] if node < other}


def narrowed(chain: Chain) -> Chain:
    """Return a chain so narrow that with layers that read all earlier ones it has no more weights than before.

    Raises:
        InvalidValueError: not even one node a layer is narrow enough.
    """
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if dense_weights(scaled_chain(chain, middle)) <= chain.n_weights() else (low, middle)
    narrow = scaled_chain(chain, low)
    if dense_weights(narrow) > chain.n_weights():
        raise InvalidValueError("densenet: with one node a layer there are more weights than in the chain")
    return narrow


def dense_weights(chain: Chain) -> int:
    """Return the weights of a chain's layers where each reads the maps of all earlier ones."""
    sizes, n_weights = chain.sizes, 0
    for number, layer in enumerate(chain.layers, start=1):
        n_taps = int(np.prod(layer.kernel))
        n_weights += sum(sizes[:number]) * layer.n_outputs * n_taps
    return n_weights
