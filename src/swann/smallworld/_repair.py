import numpy as np
from numpy.typing import NDArray

from ..graph import LayerGraph
from ._runs import Lengths


def restore_dead_nodes(
    original: LayerGraph,
    rows: list[NDArray[np.bool_]],
    generator: np.random.Generator,
    *,
    lengths: Lengths | None = None,
    dry_run: bool = False,
) -> int:
    """Give every node that lost all its inputs one of them back, and return how many had lost them.

    A dead node's original input is drawn, and one of the edges that moved away from that input's node moves back,
    preferably one whose end has other inputs. If its end has none, that end lies in a later layer and is given an
    input in its turn; the last layer keeps its inputs, so the repair always comes to an end. The number of edges and
    the number of edges that leave each node do not change.

    Args:
        original: the graph before the rewiring.
        rows: the rewired graph's edges as in `LayerGraph.rows`; changed in place.
        generator: draws the edges.
        lengths: where the graph's nodes are runs of channels, their lengths; edges move between runs of the same
            length alone, and the number returned is of channels.
        dry_run: count alone and change nothing.
    """
    offsets = original.offsets
    had_input = original.in_degrees() > 0
    in_degrees = LayerGraph(original.sizes, tuple(row.copy() for row in rows)).in_degrees()
    length = np.ones(original.n_nodes, dtype=np.int64) if lengths is None else np.concatenate(lengths)
    n_dead = int(length[had_input & (in_degrees == 0)].sum())
    if dry_run:
        return n_dead
    for layer in range(1, original.n_layers - 1):
        nodes = slice(offsets[layer], offsets[layer + 1])
        edges, edges_before = rows[layer - 1], original.rows[layer - 1]
        for column in np.flatnonzero(had_input[nodes] & (in_degrees[nodes] == 0)):
            source = generator.choice(np.flatnonzero(edges_before[:, column]))
            alike = length[offsets[layer] :] == length[offsets[layer] + column]
            moved = np.flatnonzero(edges[source] & ~edges_before[source] & alike)
            spare = moved[in_degrees[offsets[layer] + moved] > 1]
            end = generator.choice(spare if spare.size else moved)
            edges[source, end] = False
            edges[source, column] = True
            in_degrees[offsets[layer] + end] -= 1
            in_degrees[offsets[layer] + column] += 1
    return n_dead
