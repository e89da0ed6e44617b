from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..graph import LayerGraph
from ._bits import WORDS
from ._breadth_first import connected_order, search_batch
from ._compiled import check_threads, run_in_threads
from ._undirected_graph import UndirectedGraph, as_undirected


@dataclass(frozen=True)
class PathLengths:
    """How many pairs of nodes are how far apart, exactly.

    Args:
        histogram: the number of unordered pairs of nodes at distance 1, 2, … up to the largest distance.
        n_unreachable: the number of pairs that no path joins.
    """

    histogram: tuple[int, ...]
    n_unreachable: int

    @property
    def mean(self) -> float:
        """The characteristic path length L over the pairs that a path joins; NaN where there is none."""
        n_reachable = sum(self.histogram)
        if n_reachable == 0:
            return float("nan")
        return sum(distance * n_pairs for distance, n_pairs in enumerate(self.histogram, start=1)) / n_reachable

    @property
    def diameter(self) -> int:
        """The largest distance of two nodes that a path joins; 0 without edges."""
        return len(self.histogram)


def path_lengths(graph: LayerGraph | UndirectedGraph, *, threads: int | None = None) -> PathLengths:
    """Return the distances between all pairs of nodes, exactly.

    Breadth-first searches from 512 nodes at once, one bit each: a node's row of bits is joined with its
    neighbours' until it holds all it can reach (the multi-source search of Then et al., PVLDB 8(4), 2014).

    Args:
        graph: a network's graph, whose directions are ignored, or any undirected graph.
        threads: the number of threads; by default one for each core.

    >>> path_lengths(UndirectedGraph.from_edges(5, [[0, 1], [1, 2], [2, 3]]))
    PathLengths(histogram=(3, 2, 1), n_unreachable=4)
    """
    graph = as_undirected(graph)
    indptr, indices, components, ends = connected_order(graph.indptr, graph.indices)
    n_sources = 64 * WORDS
    n_batches = -(-graph.n_nodes // n_sources)

    def start() -> tuple:  # type: ignore[type-arg]
        histogram = np.zeros(graph.n_nodes, dtype=np.int64)
        rows = np.zeros((3, graph.n_nodes, WORDS), dtype=np.uint64)
        wanted = np.zeros((min(n_sources, graph.n_nodes), WORDS), dtype=np.uint64)
        nodes = np.empty((5, graph.n_nodes), dtype=np.int32)

        def run(batch: int) -> None:
            first = batch * n_sources
            last = min(first + n_sources, graph.n_nodes)
            search_batch(
                indptr, indices, components, ends, first, last, rows[0], rows[1], rows[2], wanted, nodes, histogram
            )

        return run, histogram

    ordered: NDArray[np.int64] = sum(run_in_threads(n_batches, check_threads(threads), start))
    histogram = tuple(int(n_pairs) // 2 for n_pairs in np.trim_zeros(ordered[1:], "b"))
    return PathLengths(histogram, graph.n_nodes * (graph.n_nodes - 1) // 2 - sum(histogram))
