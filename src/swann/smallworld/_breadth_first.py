import numpy as np
from numpy.typing import NDArray

from ._bits import WORDS, gather
from ._compiled import compiled

_DENSE_DEGREE = 64
_SWEEP_SHARE = 4


@compiled
def connected_order(
    indptr: NDArray[np.int64], indices: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Number the nodes so that every connected component has a range of its own, nodes near each other close by.

    A dense graph in one piece keeps its numbers.

    Args:
        indptr: where each node's neighbours begin in `indices`, of shape `[n_nodes + 1]`.
        indices: the neighbours of all nodes.

    Returns:
        The graph in the new numbering (`indptr`, `indices`), each node's component, and where each component ends.
    """
    n_nodes = indptr.size - 1
    order = np.empty(n_nodes, np.int32)
    number = np.full(n_nodes, -1, np.int32)
    components = np.empty(n_nodes, np.int32)
    ends = np.empty(n_nodes, np.int64)
    n_components = 0
    n_numbered = 0
    done = 0
    for start in range(n_nodes):
        if number[start] >= 0:
            continue
        order[n_numbered] = start
        number[start] = n_numbered
        n_numbered += 1
        while done < n_numbered:
            node = order[done]
            components[done] = n_components
            done += 1
            if n_numbered == n_nodes:
                continue
            for position in range(indptr[node], indptr[node + 1]):
                neighbour = indices[position]
                if number[neighbour] < 0:
                    order[n_numbered] = neighbour
                    number[neighbour] = n_numbered
                    n_numbered += 1
        ends[n_components] = n_numbered
        n_components += 1
    if n_components == 1 and indices.size > _DENSE_DEGREE * n_nodes:
        return indptr.copy(), indices.copy(), components, ends[:1].copy()
    new_indptr = np.empty(n_nodes + 1, np.int64)
    new_indptr[0] = 0
    new_indices = np.empty(indices.size, np.int32)
    filled = 0
    for row in range(n_nodes):
        node = order[row]
        for position in range(indptr[node], indptr[node + 1]):
            new_indices[filled] = number[indices[position]]
            filled += 1
        new_indptr[row + 1] = filled
    return new_indptr, new_indices, components, ends[:n_components].copy()


@compiled
def search_batch(
    indptr: NDArray[np.int64],
    indices: NDArray[np.int32],
    components: NDArray[np.int32],
    ends: NDArray[np.int64],
    first: int,
    last: int,
    seen: NDArray[np.uint64],
    frontier: NDArray[np.uint64],
    new: NDArray[np.uint64],
    wanted: NDArray[np.uint64],
    nodes: NDArray[np.int32],
    histogram: NDArray[np.int64],
) -> None:
    """Search from the nodes `first` to `last` at once and add to `histogram[d]` how many nodes are d away from each.

    Args:
        indptr, indices, components, ends: a graph as `connected_order` returns it.
        first: the first source.
        last: one past the last source, at most `64 * WORDS` after the first.
        seen: for each node the sources that have reached it; overwritten, as all that follows.
        frontier: for each node the sources that reached it in the last step; rows of other nodes are zero.
        new: the same for the next step.
        wanted: for each component of the batch its sources.
        nodes: room for five lists of nodes.
        histogram: the counts, of shape `[n_nodes]`.
    """
    first_component = components[first]
    low = ends[first_component - 1] if first_component > 0 else 0
    high = ends[components[last - 1]]
    active, next_active, pending, n_missing, stamps = nodes[0], nodes[1], nodes[2], nodes[3], nodes[4]
    for node in range(low, high):
        stamps[node] = 0
        for word in range(WORDS):
            seen[node, word] = 0
            frontier[node, word] = 0
            new[node, word] = 0
    wanted[: components[last - 1] - first_component + 1] = 0
    for source in range(first, last):
        bit = np.uint64(1) << np.uint64((source - first) & 63)
        wanted[components[source] - first_component, (source - first) >> 6] |= bit
    for component in range(first_component, components[last - 1] + 1):
        begin = ends[component - 1] if component > 0 else 0
        n_sources = min(last, ends[component]) - max(first, begin)
        for node in range(begin, ends[component]):
            n_missing[node] = n_sources
    n_active = 0
    for source in range(first, last):
        word = (source - first) >> 6
        bit = np.uint64(1) << np.uint64((source - first) & 63)
        seen[source, word] |= bit
        n_missing[source] -= 1
        for position in range(indptr[source], indptr[source + 1]):
            neighbour = indices[position]
            frontier[neighbour, word] |= bit
            seen[neighbour, word] |= bit
            n_missing[neighbour] -= 1
            if stamps[neighbour] == 0:
                stamps[neighbour] = 1
                active[n_active] = neighbour
                n_active += 1
        histogram[1] += indptr[source + 1] - indptr[source]
    n_pending = 0
    n_pending_arcs = 0
    for node in range(low, high):
        if n_missing[node] > 0:
            pending[n_pending] = node
            n_pending += 1
            n_pending_arcs += indptr[node + 1] - indptr[node]
    distance = 1
    while n_pending > 0 and n_active > 0:
        distance += 1
        n_active_arcs = 0
        for i in range(n_active):
            n_active_arcs += indptr[active[i] + 1] - indptr[active[i]]
        n_next = 0
        n_found = 0
        if n_active_arcs * _SWEEP_SHARE < n_pending_arcs:
            for i in range(n_active):
                for position in range(indptr[active[i]], indptr[active[i] + 1]):
                    node = indices[position]
                    if stamps[node] == distance or n_missing[node] == 0:
                        continue
                    stamps[node] = distance
                    component = components[node] - first_component
                    n_new = gather(
                        frontier, indices, indptr[node], indptr[node + 1], wanted, component, seen, new, np.int64(node)
                    )
                    if n_new > 0:
                        n_missing[node] -= n_new
                        n_found += n_new
                        next_active[n_next] = node
                        n_next += 1
        else:
            n_left = 0
            n_pending_arcs = 0
            for i in range(n_pending):
                node = pending[i]
                if n_missing[node] > 0:
                    component = components[node] - first_component
                    n_new = gather(
                        frontier, indices, indptr[node], indptr[node + 1], wanted, component, seen, new, np.int64(node)
                    )
                    if n_new > 0:
                        n_missing[node] -= n_new
                        n_found += n_new
                        next_active[n_next] = node
                        n_next += 1
                    if n_missing[node] > 0:
                        pending[n_left] = node
                        n_left += 1
                        n_pending_arcs += indptr[node + 1] - indptr[node]
            n_pending = n_left
        for i in range(n_active):
            for word in range(WORDS):
                frontier[active[i], word] = 0
        frontier, new = new, frontier
        active, next_active = next_active, active
        n_active = n_next
        histogram[distance] += n_found
