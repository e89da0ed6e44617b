"""Graphs of equal cost whose clustering, and so small-worldness, is higher or lower."""

import numpy as np
from numpy.typing import NDArray

from ..graph import LayerGraph
from ..smallworld._compiled import compiled


def swap_for_clustering(
    graph: LayerGraph, generator: np.random.Generator, *, more: bool, swaps_per_edge: float = 5.0
) -> LayerGraph:
    """Raise or lower the mean local clustering coefficient by swaps inside pairs of layers.

    Two edges a → b and c → d between the same two layers become a → d and c → b where that changes the clustering in
    the direction asked for (swaps as of Maslov & Sneppen, Science 296, 2002, taken greedily). So the in-degree and
    out-degree of every node stay, and the number of edges between each two layers: the cost is the same, and so are
    the first weights' variances.

    Args:
        graph: of a network.
        generator: draws the swaps that are tried.
        more: raise it; else lower it.
        swaps_per_edge: swaps tried for each edge.
    """
    edges = graph.edges().astype(np.int64)
    layers = np.searchsorted(graph.offsets, edges, side="right") - 1
    pairs = layers[:, 0] * graph.n_layers + layers[:, 1]
    order = np.argsort(pairs, kind="stable")
    edges, pairs = edges[order], pairs[order]
    starts = np.searchsorted(pairs, pairs, side="left")
    stops = np.searchsorted(pairs, pairs, side="right")
    joined = np.zeros((graph.n_nodes, graph.n_nodes), dtype=np.float32)
    joined[edges[:, 0], edges[:, 1]] = joined[edges[:, 1], edges[:, 0]] = 1
    degrees = graph.in_degrees() + graph.out_degrees()
    shares = np.where(degrees > 1, 2.0 / np.maximum(degrees * (degrees - 1), 1), 0.0)
    n_tried = round(swaps_per_edge * len(edges))
    first = generator.integers(0, len(edges), n_tried)
    second = starts[first] + (generator.random(n_tried) * (stops - starts)[first]).astype(np.int64)
    _swap_(edges, joined, shares, first, second, 1.0 if more else -1.0)
    rows = []
    for layer, row in enumerate(graph.rows):
        new = np.zeros_like(row)
        own = edges[(edges[:, 0] >= graph.offsets[layer]) & (edges[:, 0] < graph.offsets[layer + 1])]
        new[own[:, 0] - graph.offsets[layer], own[:, 1] - graph.offsets[layer + 1]] = True
        rows.append(new)
    return LayerGraph(graph.sizes, tuple(rows))


@compiled
def _swap_(
    edges: NDArray[np.int64],
    joined: NDArray[np.float32],
    shares: NDArray[np.float64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    sign: float,
) -> None:
    """Make the swaps that raise sign · C, in place.

    A triangle adds to C the share 2 / (k (k - 1)) of each of its nodes. Nodes of one layer are never joined, so that
    the triangles of the four edges of a swap have no edge of the four in common.
    """
    for step in range(first.size):
        one, other = first[step], second[step]
        a, b, c, d = edges[one, 0], edges[one, 1], edges[other, 0], edges[other, 1]
        if a == c or b == d or joined[a, d] or joined[c, b]:
            continue
        gain = 0.0
        own = shares[a] + shares[d], shares[c] + shares[b], shares[a] + shares[b], shares[c] + shares[d]
        for node in range(shares.size):
            near_a, near_b, near_c, near_d = joined[a, node], joined[b, node], joined[c, node], joined[d, node]
            made = near_a * near_d * (own[0] + shares[node]) + near_c * near_b * (own[1] + shares[node])
            lost = near_a * near_b * (own[2] + shares[node]) + near_c * near_d * (own[3] + shares[node])
            gain += made - lost
        if sign * gain > 1e-15:
            joined[a, b] = joined[b, a] = joined[c, d] = joined[d, c] = 0
            joined[a, d] = joined[d, a] = joined[c, b] = joined[b, c] = 1
            edges[one, 1], edges[other, 1] = d, b
