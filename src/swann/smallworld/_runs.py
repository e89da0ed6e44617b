"""Neighbouring channels that a rewiring moves together."""

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError
from ..graph import LayerGraph

Lengths = tuple[NDArray[np.int64], ...]
"""For each layer the lengths of its runs of neighbouring nodes, which add up to the layer's size."""


def check_granularity(granularity: int, graph: LayerGraph | None = None) -> None:
    """Raise InvalidValueError unless a graph can be rewired by blocks of `granularity` × `granularity` edges.

    Args:
        granularity: a whole number of at least 1.
        graph: the graph to rewire; without it the number alone is checked.

    Raises:
        InvalidValueError: no such number, or no hidden layer of the graph has so many neighbouring nodes with the
            same inputs and outputs.
    """
    if not isinstance(granularity, (int, np.integer)) or isinstance(granularity, bool) or granularity < 1:
        raise InvalidValueError(f"the granularity must be a whole number of at least 1, got {granularity!r}")
    if graph is not None:
        run_lengths(graph, granularity)


def run_lengths(graph: LayerGraph, granularity: int) -> Lengths:
    """Return how each layer divides into runs of `granularity` neighbouring nodes with the same inputs and outputs.

    A run ends early where the next node has other inputs or outputs (at the border of a convolution's groups, or
    where an earlier rewiring made them differ) and at the end of the layer.

    Raises:
        InvalidValueError: no hidden layer has a run of that length.

    >>> [lengths.tolist() for lengths in run_lengths(LayerGraph.chain([3, 8, 10]), 4)]
    [[3], [4, 4], [4, 4, 2]]
    """
    check_granularity(granularity)
    if granularity == 1:
        return tuple(np.ones(size, dtype=np.int64) for size in graph.sizes)
    stretches = [np.diff(np.concatenate(([0], _borders(graph, layer)))) for layer in range(graph.n_layers)]
    hidden = stretches[1:-1]
    longest = max((int(lengths.max()) for lengths in hidden), default=granularity)
    if longest < granularity:
        raise InvalidValueError(
            f"granularity {granularity} is too large: no hidden layer has more than {longest} neighbouring channels "
            f"with the same inputs and outputs; choose a granularity from 1 to {longest}"
        )
    return tuple(_divided(lengths, granularity) for lengths in stretches)


def graph_of_runs(graph: LayerGraph, lengths: Lengths) -> LayerGraph:
    """Return the graph whose nodes are runs; an edge of it is a whole block of edges."""
    if _of_single_nodes(lengths):
        return graph
    starts = [np.cumsum(layer) - layer for layer in lengths]
    rows = []
    for layer, row in enumerate(graph.rows):
        first = graph.offsets[layer + 1]
        columns = [graph.offsets[later] - first + starts[later] for later in range(layer + 1, graph.n_layers)]
        rows.append(row[np.ix_(starts[layer], np.concatenate(columns))])
    return LayerGraph(tuple(map(len, lengths)), tuple(rows))


def graph_of_nodes(rows: list[NDArray[np.bool_]], lengths: Lengths) -> LayerGraph:
    """Return the graph of single nodes from the edges between runs, the inverse of `graph_of_runs`."""
    sizes = tuple(int(layer.sum()) for layer in lengths)
    if not _of_single_nodes(lengths):
        rows = [
            row.repeat(lengths[layer], axis=0).repeat(np.concatenate(lengths[layer + 1 :]), axis=1)
            for layer, row in enumerate(rows)
        ]
    return LayerGraph(sizes, tuple(rows))


def _borders(graph: LayerGraph, layer: int) -> NDArray[np.int64]:
    """Return where stretches of nodes with the same inputs and outputs end, the layer's end among them."""
    differs = np.zeros(graph.sizes[layer] - 1, dtype=np.bool_)
    if layer < graph.n_layers - 1:
        row = graph.rows[layer]
        differs |= (row[1:] != row[:-1]).any(axis=1)
    for source in range(layer):
        block = graph.block(source, layer)
        differs |= (block[:, 1:] != block[:, :-1]).any(axis=0)
    return np.append(np.flatnonzero(differs) + 1, graph.sizes[layer])


def _divided(stretches: NDArray[np.int64], granularity: int) -> NDArray[np.int64]:
    lengths = []
    for stretch in stretches.tolist():
        whole, rest = divmod(stretch, granularity)
        lengths += [granularity] * whole + [rest] * (rest > 0)
    return np.array(lengths, dtype=np.int64)


def _of_single_nodes(lengths: Lengths) -> bool:
    return all((layer == 1).all() for layer in lengths)
