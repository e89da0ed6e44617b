from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .._errors import InvalidValueError
from ..graph import LayerGraph
from ._compiled import compiled


@dataclass(frozen=True, eq=False, repr=False)
class UndirectedGraph:
    """A simple undirected graph, each node with the sorted list of its neighbours (compressed sparse rows).

    Args:
        indptr: where each node's neighbours begin in `indices`, int64 of shape `[n_nodes + 1]`.
        indices: the neighbours of all nodes, int32 of shape `[2 * n_edges]`; each edge stands there in both directions.

    Raises:
        InvalidValueError: fewer than two nodes, or arrays of another shape or type.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]

    def __post_init__(self) -> None:
        check_n_nodes(len(self.indptr) - 1)
        if self.indptr.dtype != np.int64 or self.indices.dtype != np.int32:
            raise InvalidValueError(
                f"indptr and indices must be of int64 and int32, got {self.indptr.dtype} and {self.indices.dtype}"
            )
        if self.indptr[0] != 0 or self.indptr[-1] != len(self.indices):
            raise InvalidValueError(
                f"indptr must run from 0 to the {len(self.indices)} entries of indices, "
                f"got {self.indptr[0]} to {self.indptr[-1]}"
            )
        self.indptr.flags.writeable = False
        self.indices.flags.writeable = False

    @classmethod
    def from_edges(cls, n_nodes: int, edges: ArrayLike) -> "UndirectedGraph":
        """Return the graph with the given edges; an edge given twice or in both directions is one edge.

        Args:
            n_nodes: the number of nodes, at least 2.
            edges: node numbers of shape `[n_edges, 2]`.

        Raises:
            InvalidValueError: fewer than two nodes, an edge from a node to itself, or a node that does not exist.

        >>> UndirectedGraph.from_edges(4, [[0, 1], [1, 2], [2, 0], [0, 2]])
        UndirectedGraph(4 nodes, 3 edges)
        """
        check_n_nodes(n_nodes)
        pairs = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
        if pairs.size and (pairs.min() < 0 or pairs.max() >= n_nodes):
            raise InvalidValueError(
                f"edges name nodes from {pairs.min()} to {pairs.max()}, but nodes are 0 to {n_nodes - 1}"
            )
        loops = np.flatnonzero(pairs[:, 0] == pairs[:, 1])
        if loops.size:
            node = pairs[loops[0], 0]
            raise InvalidValueError(f"edge ({node}, {node}) joins a node to itself; edges must join two nodes")
        graph = cls.from_distinct_pairs(n_nodes, pairs[:, 0], pairs[:, 1])
        indptr, indices = _without_repeats(graph.indptr, graph.indices)
        return graph if len(indices) == len(graph.indices) else cls(indptr, indices)

    @classmethod
    def from_distinct_pairs(
        cls, n_nodes: int, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> "UndirectedGraph":
        """Return the graph of pairs of nodes that are distinct and join no node to itself, which is not checked."""
        degrees = np.bincount(first, minlength=n_nodes) + np.bincount(second, minlength=n_nodes)
        indptr = np.concatenate(([0], np.cumsum(degrees)))
        indices = np.empty(2 * len(first), dtype=np.int32)
        _fill_pairs(np.ascontiguousarray(first), np.ascontiguousarray(second), indptr[:-1].copy(), indices)
        return cls(indptr, _transposed(indptr, indices))

    @classmethod
    def from_layer_graph(cls, graph: LayerGraph) -> "UndirectedGraph":
        """Return a network's graph without the directions of its edges.

        >>> UndirectedGraph.from_layer_graph(LayerGraph.chain([1, 6, 16, 10]))
        UndirectedGraph(33 nodes, 262 edges)
        """
        indptr = np.concatenate(([0], np.cumsum(graph.in_degrees() + graph.out_degrees())))
        indices = np.empty(indptr[-1], dtype=np.int32)
        cursor = indptr[:-1].copy()
        offsets = graph.offsets
        for layer, row in enumerate(graph.rows):
            contiguous = np.ascontiguousarray(row)
            contiguous.flags.writeable = False
            _fill_row(contiguous, offsets[layer], offsets[layer + 1], cursor, indices)
        return cls(indptr, indices)

    @property
    def n_nodes(self) -> int:
        """The number of nodes."""
        return len(self.indptr) - 1

    @property
    def n_edges(self) -> int:
        """The number of edges."""
        return len(self.indices) // 2

    def degrees(self) -> NDArray[np.int64]:
        """Return the number of neighbours of each node, of shape `[n_nodes]`."""
        return np.diff(self.indptr)

    def edges(self) -> NDArray[np.int32]:
        """Return each edge once with the smaller node first, of shape `[n_edges, 2]`, sorted."""
        nodes = np.repeat(np.arange(self.n_nodes, dtype=np.int32), self.degrees())
        forward = self.indices > nodes
        return np.column_stack((nodes[forward], self.indices[forward]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, UndirectedGraph):
            return NotImplemented
        return np.array_equal(self.indptr, other.indptr) and np.array_equal(self.indices, other.indices)

    def __hash__(self) -> int:
        return hash((self.indptr.tobytes(), self.indices.tobytes()))

    def __repr__(self) -> str:
        return f"UndirectedGraph({self.n_nodes:,} nodes, {self.n_edges:,} edges)"


def as_undirected(graph: LayerGraph | UndirectedGraph) -> UndirectedGraph:
    """Return the graph without directions; an undirected graph as it is.

    Raises:
        InvalidValueError: this is no graph.
    """
    if isinstance(graph, UndirectedGraph):
        return graph
    check_layer_graph(graph)
    return UndirectedGraph.from_layer_graph(graph)


def check_layer_graph(graph: Any) -> None:
    """Raise InvalidValueError unless this is a `LayerGraph`."""
    if not isinstance(graph, LayerGraph):
        raise InvalidValueError(
            f"expected a graph, got {type(graph).__name__}; make one: swann.trace(model, example).graph(), or "
            "rewiring.graph of swann.rewire"
        )


def check_n_nodes(n_nodes: Any) -> None:
    """Raise InvalidValueError unless `n_nodes` is a whole number of at least 2 that fits 31 bits."""
    if not isinstance(n_nodes, (int, np.integer)) or isinstance(n_nodes, bool) or not 2 <= n_nodes < 2**31:
        raise InvalidValueError(
            f"a graph must have a whole number of nodes of at least 2 to have distances, got {n_nodes!r}"
        )


@compiled
def _fill_pairs(
    first: NDArray[np.int64], second: NDArray[np.int64], cursor: NDArray[np.int64], indices: NDArray[np.int32]
) -> None:
    for pair in range(first.size):
        source = first[pair]
        target = second[pair]
        indices[cursor[source]] = target
        indices[cursor[target]] = source
        cursor[source] += 1
        cursor[target] += 1


@compiled
def _transposed(indptr: NDArray[np.int64], indices: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the neighbours of each node sorted: in the order of the rows that they stand in."""
    result = np.empty_like(indices)
    cursor = indptr[:-1].copy()
    for node in range(indptr.size - 1):
        for position in range(indptr[node], indptr[node + 1]):
            neighbour = indices[position]
            result[cursor[neighbour]] = node
            cursor[neighbour] += 1
    return result


@compiled
def _without_repeats(
    indptr: NDArray[np.int64], indices: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    new_indptr = np.zeros(indptr.size, np.int64)
    new_indices = np.empty(indices.size, np.int32)
    filled = 0
    for node in range(indptr.size - 1):
        for position in range(indptr[node], indptr[node + 1]):
            if position == indptr[node] or indices[position] != indices[position - 1]:
                new_indices[filled] = indices[position]
                filled += 1
        new_indptr[node + 1] = filled
    return new_indptr, new_indices[:filled].copy()


@compiled
def _fill_row(
    row: NDArray[np.bool_], first_source: int, first_target: int, cursor: NDArray[np.int64], indices: NDArray[np.int32]
) -> None:
    for i in range(row.shape[0]):
        source = first_source + i
        position = cursor[source]
        for j in range(row.shape[1]):
            if row[i, j]:
                target = first_target + j
                indices[position] = target
                position += 1
                indices[cursor[target]] = source
                cursor[target] += 1
        cursor[source] = position
