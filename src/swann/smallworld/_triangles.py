import numpy as np
from numpy.typing import NDArray

from ..graph import LayerGraph
from ._bits import count_bits
from ._compiled import check_threads, compiled, run_in_threads
from ._undirected_graph import UndirectedGraph, as_undirected

_NODES_PER_TASK = 128
_WORDS_PER_NEIGHBOUR = 5
_MOST_BIT_BYTES = 2**29


def triangles(graph: LayerGraph | UndirectedGraph, *, threads: int | None = None) -> NDArray[np.int64]:
    """Return the number of triangles that each node is part of, of shape `[n_nodes]`, exactly.

    Dense graphs intersect the neighbourhoods as sets of bits, 64 nodes in a word; sparse ones follow each edge from
    the node of lower degree.

    Args:
        graph: a network's graph, whose directions are ignored, or any undirected graph.
        threads: the number of threads; by default one for each core.

    >>> triangles(UndirectedGraph.from_edges(4, [[0, 1], [1, 2], [2, 0], [2, 3]]))
    array([1, 1, 1, 0])
    """
    graph = as_undirected(graph)
    n_words = -(-graph.n_nodes // 64)
    mean_degree = 2 * graph.n_edges / graph.n_nodes
    n_tasks = -(-graph.n_nodes // _NODES_PER_TASK)
    if graph.n_nodes * n_words * 8 <= _MOST_BIT_BYTES and n_words <= _WORDS_PER_NEIGHBOUR * mean_degree:
        bits = np.zeros((graph.n_nodes, n_words), dtype=np.uint64)
        _set_bits(graph.indptr, graph.indices, bits)

        def start() -> tuple:  # type: ignore[type-arg]
            counts = np.zeros(graph.n_nodes, dtype=np.int64)
            return lambda task: _count_dense(graph.indptr, graph.indices, bits, task, n_tasks, counts), counts

        return np.asarray(sum(run_in_threads(n_tasks, check_threads(threads), start))) // 2
    ranks = np.empty(graph.n_nodes, dtype=np.int64)
    ranks[np.lexsort((np.arange(graph.n_nodes), graph.degrees()))] = np.arange(graph.n_nodes)
    out_indptr, out_indices = _orient(graph.indptr, graph.indices, ranks)

    def start_sparse() -> tuple:  # type: ignore[type-arg]
        counts = np.zeros(graph.n_nodes, dtype=np.int64)
        marks = np.full(graph.n_nodes, -1, dtype=np.int32)
        return lambda task: _count_sparse(out_indptr, out_indices, marks, task, n_tasks, counts), counts

    return np.asarray(sum(run_in_threads(n_tasks, check_threads(threads), start_sparse)))


@compiled
def _set_bits(indptr: NDArray[np.int64], indices: NDArray[np.int32], bits: NDArray[np.uint64]) -> None:
    for node in range(indptr.size - 1):
        for position in range(indptr[node], indptr[node + 1]):
            neighbour = indices[position]
            bits[node, neighbour >> 6] |= np.uint64(1) << np.uint64(neighbour & 63)


@compiled
def _count_dense(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    bits: NDArray[np.uint64],
    task: int,
    n_tasks: int,
    counts: NDArray[np.int64],
) -> None:
    """Add to both ends of each edge the number of their common neighbours: twice the triangles of each node."""
    for node in range(task, indptr.size - 1, n_tasks):
        total = np.int64(0)
        for position in range(indptr[node], indptr[node + 1]):
            neighbour = indices[position]
            if neighbour > node:
                common = np.int64(0)
                for word in range(bits.shape[1]):
                    common += np.int64(count_bits(bits[node, word] & bits[neighbour, word]))
                counts[neighbour] += common
                total += common
        counts[node] += total


@compiled
def _orient(
    indptr: NDArray[np.int64], indices: NDArray[np.int32], ranks: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return the neighbours of higher rank of each node."""
    out_indptr = np.zeros_like(indptr)
    out_indices = np.empty(indices.size // 2, np.int32)
    filled = 0
    for node in range(indptr.size - 1):
        for position in range(indptr[node], indptr[node + 1]):
            if ranks[indices[position]] > ranks[node]:
                out_indices[filled] = indices[position]
                filled += 1
        out_indptr[node + 1] = filled
    return out_indptr, out_indices


@compiled
def _count_sparse(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    marks: NDArray[np.int32],
    task: int,
    n_tasks: int,
    counts: NDArray[np.int64],
) -> None:
    """Count each triangle once, from its node of lowest rank, and add it to its three nodes."""
    for node in range(task, indptr.size - 1, n_tasks):
        for position in range(indptr[node], indptr[node + 1]):
            marks[indices[position]] = node
        for position in range(indptr[node], indptr[node + 1]):
            middle = indices[position]
            for inner in range(indptr[middle], indptr[middle + 1]):
                last = indices[inner]
                if marks[last] == node:
                    counts[node] += 1
                    counts[middle] += 1
                    counts[last] += 1
