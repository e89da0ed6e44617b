"""How the graph of a study's network is rewired."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..graph import LayerGraph
from ..smallworld import Rewiring, rewire
from ._clustering_swaps import swap_for_clustering
from ._study_settings import StudyNetwork


def wire(graph: LayerGraph, network: StudyNetwork, seed: int) -> Rewiring:
    """Return a graph rewired as a network of a study asks for; the number of edges stays.

    Args:
        graph: of the chain.
        network: its p, draw, repair, granularity, wiring and first_layer count.
        seed: seeds every draw.
    """
    part = graph if network.first_layer else LayerGraph(graph.sizes[1:], graph.rows[1:])
    rewiring = rewire(
        part, network.p, seed=seed, draw=network.draw, repair=network.repair, granularity=network.granularity
    )
    rewired = rewiring.graph if network.first_layer else LayerGraph(graph.sizes, (graph.rows[0], *rewiring.graph.rows))
    generator = np.random.default_rng([seed, 1])
    if network.wiring == "balanced":
        rewired = balance(rewired, generator)
    elif network.wiring != "rewired":
        rewired = swap_for_clustering(rewired, generator, more=network.wiring == "more clustered")
    n_moved = sum(int(np.count_nonzero(old & ~new)) for old, new in zip(graph.rows, rewired.rows, strict=True))
    return replace(rewiring, graph=rewired, n_moved=n_moved)


def balance(graph: LayerGraph, generator: np.random.Generator) -> LayerGraph:
    """Move ends inside each layer until the in-degrees of its nodes differ by 1 at most.

    The out-degree of every node and the number of edges between each two layers stay.

    Args:
        graph: whose ends are moved.
        generator: draws the edges that move.

    >>> row = np.array([[True, False], [True, False]])
    >>> balance(LayerGraph((2, 2), (row,)), np.random.default_rng(0)).in_degrees()
    array([0, 0, 1, 1])
    """
    rows = [row.copy() for row in graph.rows]
    offsets = graph.offsets
    for layer in range(1, graph.n_layers):
        parts = [
            rows[source][:, offsets[layer] - offsets[source + 1] : offsets[layer + 1] - offsets[source + 1]]
            for source in range(layer)
        ]
        balanced = np.concatenate(parts)
        _balance_columns_(balanced, generator)
        for source, part in enumerate(parts):
            part[:] = balanced[offsets[source] : offsets[source + 1]]
    return LayerGraph(graph.sizes, tuple(rows))


def _balance_columns_(edges: NDArray[np.bool_], generator: np.random.Generator) -> None:
    degrees = np.count_nonzero(edges, axis=0)
    while degrees.max() > degrees.min() + 1:
        most, least = degrees.argmax(), degrees.argmin()
        movable = np.flatnonzero(edges[:, most] & ~edges[:, least])
        moved = generator.choice(movable, (degrees[most] - degrees[least]) // 2, replace=False)
        edges[moved, most], edges[moved, least] = False, True
        degrees[most] -= len(moved)
        degrees[least] += len(moved)
