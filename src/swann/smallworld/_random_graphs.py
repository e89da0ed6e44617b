import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError
from ..graph import LayerGraph
from ._compiled import compiled
from ._undirected_graph import UndirectedGraph, as_undirected, check_n_nodes

_MOST_BIT_BYTES = 2**29
_MOST_MARKS = 32


def erdos_renyi(n_nodes: int, n_edges: int, generator: np.random.Generator) -> UndirectedGraph:
    """Draw a graph uniformly from all graphs with the given numbers of nodes and edges, the model G(n, m).

    Time and memory grow with the number of edges alone: distinct pairs are drawn by their number, and from more
    than half of all pairs on, those that are left out.

    Args:
        n_nodes: the number of nodes, at least 2.
        n_edges: the number of edges, at most that of the pairs of nodes.
        generator: draws the edges.

    Raises:
        InvalidValueError: fewer than two nodes, a negative number of edges, or more edges than pairs.

    >>> erdos_renyi(1_000_000, 20, np.random.default_rng(0))
    UndirectedGraph(1,000,000 nodes, 20 edges)
    """
    n_pairs = check_n_edges(n_nodes, n_edges)
    if 2 * n_edges <= n_pairs:
        codes = _distinct_sorted(n_pairs, n_edges, generator)
    else:
        codes = np.flatnonzero(~_distinct_marks(n_pairs, n_pairs - n_edges, generator))
    first, second = _pairs_of_codes(n_nodes, codes)
    return UndirectedGraph.from_distinct_pairs(n_nodes, first, second)


def degree_preserving(
    graph: LayerGraph | UndirectedGraph, generator: np.random.Generator, *, swaps_per_edge: float = 10.0
) -> UndirectedGraph:
    """Draw a random graph in which every node has as many neighbours as in the given one.

    A Markov chain of double edge swaps (a-b, c-d become a-d, c-b). A swap that would double an edge or join a node to
    itself leaves the graph as it is and counts as a step, so that in the limit every such graph is equally likely
    (Fosdick et al., SIAM Review 60(2), 2018).

    Args:
        graph: a network's graph, whose directions are ignored, or any undirected graph.
        generator: draws the swaps.
        swaps_per_edge: the number of steps of the chain for each edge.

    Raises:
        InvalidValueError: `swaps_per_edge` is negative or not a number.

    >>> ring = ring_lattice(10, 20)
    >>> degree_preserving(ring, np.random.default_rng(0)).degrees()
    array([4, 4, 4, 4, 4, 4, 4, 4, 4, 4])
    """
    if not 0 <= swaps_per_edge < np.inf:
        raise InvalidValueError(f"swaps_per_edge must be a number of at least 0, got {swaps_per_edge!r}")
    graph = as_undirected(graph)
    edges = graph.edges()
    if len(edges) < 2:
        return graph
    n_words = -(-graph.n_nodes // 64)
    if graph.n_nodes * n_words * 8 <= _MOST_BIT_BYTES:
        bits = np.zeros((graph.n_nodes, n_words), dtype=np.uint64)
    else:
        bits = np.zeros((0, 0), dtype=np.uint64)
    neighbours = graph.indices.copy()
    slots = _slots_of_edges(graph.indptr, neighbours, bits)
    n_steps = round(swaps_per_edge * len(edges))
    while n_steps > 0:
        arcs = generator.integers(0, 2 * len(edges), size=(min(n_steps, 1_000_000), 2))
        _swap(graph.indptr, neighbours, slots, bits, edges, arcs)
        n_steps -= len(arcs)
    first, second = edges.T.astype(np.int64)
    return UndirectedGraph.from_distinct_pairs(graph.n_nodes, first, second)


def ring_lattice(n_nodes: int, n_edges: int) -> UndirectedGraph:
    """Return nodes on a ring, each joined to its nearest ones.

    Where the edges do not suffice to join every node to its neighbours at one more step, the nodes that get
    one are spread evenly over the ring.

    Args:
        n_nodes: the number of nodes, at least 2.
        n_edges: the number of edges, at most that of the pairs of nodes.

    Raises:
        InvalidValueError: fewer than two nodes, a negative number of edges, or more edges than pairs.

    >>> ring_lattice(6, 8).edges().tolist()
    [[0, 1], [0, 2], [0, 5], [1, 2], [2, 3], [3, 4], [3, 5], [4, 5]]
    """
    check_n_edges(n_nodes, n_edges)
    nodes = np.arange(n_nodes)
    parts = [np.empty((0, 2), dtype=np.int64)]
    step = 1
    while n_edges > 0:
        n_chords = n_nodes // 2 if 2 * step == n_nodes else n_nodes
        n_taken = min(n_edges, n_chords)
        starts = nodes[:n_taken] * n_chords // n_taken
        parts.append(np.column_stack((starts, (starts + step) % n_nodes)))
        n_edges -= n_taken
        step += 1
    first, second = np.concatenate(parts).T
    return UndirectedGraph.from_distinct_pairs(n_nodes, first, second)


def check_n_edges(n_nodes: int, n_edges: int) -> int:
    """Return the number of pairs of nodes; raise InvalidValueError unless a graph may have that many edges."""
    check_n_nodes(n_nodes)
    n_pairs = int(n_nodes) * (int(n_nodes) - 1) // 2
    if not isinstance(n_edges, (int, np.integer)) or isinstance(n_edges, bool) or not 0 <= n_edges <= n_pairs:
        raise InvalidValueError(
            f"a graph of {n_nodes:,} nodes must have a whole number of edges from 0 to {n_pairs:,}, got {n_edges!r}"
        )
    return n_pairs


def _distinct_sorted(n: int, size: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Return `size` distinct numbers below `n`, every set of them equally likely, sorted."""
    if n <= _MOST_MARKS * size:
        return np.flatnonzero(_distinct_marks(n, size, generator))
    numbers = np.empty(0, dtype=np.int64)
    while len(numbers) < size:
        n_more = size - len(numbers)
        more = generator.integers(0, n, size=n_more + n_more // 8 + 8)
        numbers = np.sort(np.concatenate((numbers, more)))
        numbers = numbers[np.diff(numbers, prepend=-1) > 0]
    if len(numbers) > size:
        kept = np.ones(len(numbers), dtype=np.bool_)
        kept[generator.choice(len(numbers), len(numbers) - size, replace=False, shuffle=False)] = False
        numbers = numbers[kept]
    return numbers


def _distinct_marks(n: int, size: int, generator: np.random.Generator) -> NDArray[np.bool_]:
    """Return `n` marks of which `size` are set, every set of them equally likely."""
    marks = np.zeros(n, dtype=np.bool_)
    while size > 0:
        size -= _mark(marks, generator.integers(0, n, size=size + size // 8), size)
    return marks


@compiled
def _mark(marks: NDArray[np.bool_], numbers: NDArray[np.int64], most: int) -> int:
    """Set up to `most` marks that are not yet set and return how many were."""
    n_set = 0
    for number in numbers:
        if n_set < most and not marks[number]:
            marks[number] = True
            n_set += 1
    return n_set


@compiled
def _pairs_of_codes(n_nodes: int, codes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs with the given numbers, counted in the order (0, 1), (0, 2), …, (1, 2), …; codes are sorted."""
    first = np.empty(codes.size, np.int64)
    second = np.empty(codes.size, np.int64)
    node = 0
    row_start = 0
    for i in range(codes.size):
        while codes[i] >= row_start + n_nodes - 1 - node:
            row_start += n_nodes - 1 - node
            node += 1
        first[i] = node
        second[i] = node + 1 + codes[i] - row_start
    return first, second


@compiled
def _slots_of_edges(
    indptr: NDArray[np.int64], indices: NDArray[np.int32], bits: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """Return where each edge stands in `indices`, from its smaller node and from its larger, and set its bits."""
    slots = np.empty((indices.size // 2, 2), np.int64)
    cursor = indptr.copy()
    n_edges = 0
    for node in range(indptr.size - 1):
        for position in range(indptr[node], indptr[node + 1]):
            neighbour = indices[position]
            if bits.size:
                bits[node, neighbour >> 6] |= np.uint64(1) << np.uint64(neighbour & 63)
            if neighbour > node:
                slots[n_edges, 0] = position
                slots[n_edges, 1] = cursor[neighbour]
                cursor[neighbour] += 1
                n_edges += 1
    return slots


@compiled
def _joined(
    indptr: NDArray[np.int64], indices: NDArray[np.int32], bits: NDArray[np.uint64], a: np.int32, b: np.int32
) -> bool:
    if bits.size:
        return bool((bits[a, b >> 6] >> np.uint64(b & 63)) & np.uint64(1))
    if indptr[a + 1] - indptr[a] > indptr[b + 1] - indptr[b]:
        a, b = b, a
    return bool(np.any(indices[indptr[a] : indptr[a + 1]] == b))


@compiled
def _swap(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    slots: NDArray[np.int64],
    bits: NDArray[np.uint64],
    edges: NDArray[np.int32],
    arcs: NDArray[np.int64],
) -> None:
    """Try a swap for each row of `arcs`: two edges by number, doubled, plus the end at which each one starts."""
    for step in range(arcs.shape[0]):
        edge, end = arcs[step, 0] >> 1, arcs[step, 0] & 1
        other, other_end = arcs[step, 1] >> 1, arcs[step, 1] & 1
        a, b = edges[edge, end], edges[edge, 1 - end]
        c, d = edges[other, other_end], edges[other, 1 - other_end]
        if a in (c, d) or b in (c, d):
            continue
        if _joined(indptr, indices, bits, a, d) or _joined(indptr, indices, bits, c, b):
            continue
        edges[edge, 1 - end], edges[other, 1 - other_end] = d, b
        if bits.size:
            _flip(bits, a, b)
            _flip(bits, c, d)
            _flip(bits, a, d)
            _flip(bits, c, b)
        else:
            slot_b, slot_d = slots[edge, 1 - end], slots[other, 1 - other_end]
            indices[slots[edge, end]] = d
            indices[slot_d] = a
            indices[slots[other, other_end]] = b
            indices[slot_b] = c
            slots[edge, 1 - end], slots[other, 1 - other_end] = slot_d, slot_b


@compiled
def _flip(bits: NDArray[np.uint64], a: np.int32, b: np.int32) -> None:
    bits[a, b >> 6] ^= np.uint64(1) << np.uint64(b & 63)
    bits[b, a >> 6] ^= np.uint64(1) << np.uint64(a & 63)
