import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError, UnknownNameError, near_matches
from ..graph import LayerGraph
from ._compiled import compiled
from ._repair import restore_dead_nodes
from ._runs import Lengths, graph_of_nodes, graph_of_runs, run_lengths
from ._undirected_graph import check_layer_graph

Draw = Literal["nodes", "layers"]


@dataclass(frozen=True)
class Rewiring:
    """A rewired graph and how it came about.

    Args:
        graph: the rewired graph, with as many edges as the one before.
        rewiring_probability: the probability p with which each edge was to move.
        draw: how new ends were drawn, `"nodes"` or `"layers"`.
        seed: the seed of all draws.
        repair: whether nodes without an input were given one back.
        n_moved: edges that end elsewhere than before.
        n_stuck: edges that were to move and found no free end.
        n_dead: nodes that lost every input to the rewiring, before any repair.
        granularity: the number of neighbouring channels that moved together, on both sides of a block of edges.
    """

    graph: LayerGraph
    rewiring_probability: float
    draw: Draw
    seed: int
    repair: bool
    n_moved: int
    n_stuck: int
    n_dead: int
    granularity: int = 1


def rewire(
    graph: LayerGraph, p: float, *, seed: int = 0, draw: Draw = "nodes", repair: bool = True, granularity: int = 1
) -> Rewiring:
    """Replace the ends of a share of the edges by nodes of later layers (Algorithm 1 of the SWANN paper).

    Every edge from a layer l to l+1, l = 0 … N-2, moves with probability p to a node of the layers l+2 … N that its
    start is not joined to yet. The number of edges stays, none is doubled, all run forward, and the edges into the
    last layer from the one before it stay. An edge that finds no free end stays and is counted.

    Args:
        graph: the graph of a network; usually a chain.
        p: the rewiring probability, from 0 (nothing moves) to 1.
        seed: seeds every draw.
        draw: `"nodes"` draws the new end uniformly over all free nodes (the paper's text), `"layers"` draws a
            layer with a free node first, then a free node of it.
        repair: move edges back so that no node that had an input is left without one; the number of
            edges that leave each node does not change. False is the paper to the letter.
        granularity: move blocks of `granularity` × `granularity` edges between neighbouring channels instead of
            single edges, for hardware that multiplies such blocks at once. Each layer is divided into runs of so
            many channels, anew at each group of a grouped convolution; the last run may be shorter, and a layer
            with fewer channels is one run. A block moves to a run as long as the one it left, so that the number
            of edges of every node stays. Edges and nodes are still counted one by one.

    Raises:
        InvalidValueError: p is not in [0, 1], the seed is no whole number from 0 on, or the granularity is below 1 or
            more than every hidden layer has neighbouring channels with the same inputs and outputs.
        UnknownNameError: `draw` is neither `"nodes"` nor `"layers"`.

    >>> rewire(LayerGraph.chain([1, 6, 16, 10]), 0.5, seed=1).graph
    LayerGraph(1-6-16-10: 33 nodes, 262 edges)
    >>> rewire(LayerGraph.chain([4, 4, 4, 2]), 0.5, seed=1, granularity=2).graph.block(0, 2).astype(int)
    array([[0, 0, 0, 0],
           [0, 0, 0, 0],
           [0, 0, 1, 1],
           [0, 0, 1, 1]])
    """
    check_layer_graph(graph)
    check_probability(p)
    check_seed(seed)
    if draw not in ("nodes", "layers"):
        raise UnknownNameError(f"unknown draw {draw!r}: {near_matches(str(draw), ('nodes', 'layers'))}")
    lengths = run_lengths(graph, granularity)
    blocks = graph_of_runs(graph, lengths)
    generator = np.random.default_rng(seed)
    rows = [row.copy() for row in blocks.rows]
    n_stuck = 0
    for layer in range(graph.n_layers - 2):
        n_stuck += _move_from(layer, rows[layer], lengths, p, draw, generator)
    n_dead = restore_dead_nodes(blocks, rows, generator, lengths=lengths, dry_run=not repair)
    rewired = graph_of_nodes(rows, lengths)
    n_moved = sum(int(np.count_nonzero(old & ~new)) for old, new in zip(graph.rows, rewired.rows, strict=True))
    return Rewiring(rewired, float(p), draw, seed, repair, n_moved, n_stuck, n_dead, int(granularity))


def check_probability(p: float) -> None:
    """Raise InvalidValueError unless `p` is a number in [0, 1]."""
    if not isinstance(p, (int, float, np.floating)) or isinstance(p, bool) or math.isnan(p) or not 0 <= p <= 1:
        raise InvalidValueError(f"the rewiring probability p must be a number from 0 to 1, got {p!r}")


def check_seed(seed: int) -> None:
    """Raise InvalidValueError unless `seed` is a whole number from 0 to 2⁶³ - 1."""
    if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or not 0 <= seed < 2**63:
        raise InvalidValueError(f"the seed must be a whole number from 0 to 2⁶³ - 1, got {seed!r}")


def _move_from(
    layer: int, row: NDArray[np.bool_], lengths: Lengths, p: float, draw: Draw, generator: np.random.Generator
) -> int:
    """Move the blocks that leave a layer, in place, among runs of the same length; return how many edges are stuck."""
    n_next = len(lengths[layer + 1])
    near, far = row[:, :n_next], row[:, n_next:]
    moving = near & (generator.random(near.shape) < p)
    later = np.concatenate(lengths[layer + 2 :])
    layers = np.repeat(np.arange(layer + 2, len(lengths)), list(map(len, lengths[layer + 2 :])))
    n_stuck = 0
    for length in np.unique(lengths[layer + 1]):
        starts, ends = lengths[layer + 1] == length, later == length
        whole = bool(starts.all() and ends.all())
        own_near, own_far, own_moving = near, far, moving
        if not whole:
            own_near, own_moving = np.compress(starts, near, axis=1), np.compress(starts, moving, axis=1)
            own_far = np.compress(ends, far, axis=1)
        per_layer = np.bincount(layers[ends], minlength=len(lengths))[layer + 2 :]
        stops = np.cumsum(per_layer) if draw == "layers" else np.array([per_layer.sum()])
        _move_ends(own_near, own_far, own_moving, generator.random((np.count_nonzero(own_moving), 2)), stops)
        if not whole:
            near[:, starts], far[:, ends] = own_near, own_far
        stuck = np.count_nonzero(own_near & own_moving, axis=1)
        n_stuck += int(length * (stuck @ lengths[layer]))
    return n_stuck


@compiled
def _move_ends(
    near: NDArray[np.bool_],
    far: NDArray[np.bool_],
    moving: NDArray[np.bool_],
    uniforms: NDArray[np.float64],
    ends: NDArray[np.int64],
) -> None:
    """Move edges in place; those that find no free end stay.

    The free nodes of each group of columns of `far` (one group, or one a layer; `ends` are where they end) are kept
    packed, so that a draw takes the node out by swapping it with the last one.
    """
    n_groups = ends.size
    starts = np.zeros(n_groups, np.int64)
    starts[1:] = ends[:-1]
    n_free = np.zeros(n_groups, np.int64)
    free = np.empty(far.shape[1], np.int64)
    movers = np.empty(near.shape[1], np.int64)
    n_used = 0
    for node in range(near.shape[0]):
        n_movers = 0
        for column in range(near.shape[1]):
            if moving[node, column]:
                movers[n_movers] = column
                n_movers += 1
        if n_movers == 0:
            continue
        total_free = 0
        n_open = 0
        for group in range(n_groups):
            n_free[group] = 0
            for column in range(starts[group], ends[group]):
                if not far[node, column]:
                    free[starts[group] + n_free[group]] = column
                    n_free[group] += 1
            total_free += n_free[group]
            n_open += n_free[group] > 0
        while n_movers > total_free:
            movers[int(uniforms[n_used, 0] * n_movers)] = movers[n_movers - 1]
            n_movers -= 1
            n_used += 1
        for mover in range(n_movers):
            nth_open = int(uniforms[n_used, 0] * n_open)
            group = 0
            while n_free[group] == 0 or nth_open > 0:
                nth_open -= n_free[group] > 0
                group += 1
            slot = starts[group] + int(uniforms[n_used, 1] * n_free[group])
            n_used += 1
            near[node, movers[mover]] = False
            far[node, free[slot]] = True
            n_free[group] -= 1
            free[slot] = free[starts[group] + n_free[group]]
            n_open -= n_free[group] == 0
