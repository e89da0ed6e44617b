from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError, require_extra
from ._layer_graph import LayerGraph, check_sizes

if TYPE_CHECKING:
    import igraph
    import networkx
    import scipy.sparse


def from_edges(sizes: Sequence[int], edges: NDArray[np.integer[Any]]) -> LayerGraph:
    """Return the graph with the given layers and edges.

    Args:
        sizes: the number of nodes of each layer, the input first.
        edges: node numbers of shape `[n_edges, 2]`, in either direction; nodes are numbered layer by layer.

    Raises:
        InvalidValueError: an edge inside a layer, an edge given twice, or a node that does not exist.

    >>> from_edges([1, 2, 1], np.array([[0, 1], [0, 2], [1, 3], [0, 3]]))
    LayerGraph(1-2-1: 4 nodes, 4 edges)
    """
    sizes = tuple(sizes)
    check_sizes(sizes)
    edges = np.asarray(edges, dtype=np.int64).reshape(-1, 2)
    offsets = np.cumsum((0, *sizes))
    if edges.size and (edges.min() < 0 or edges.max() >= offsets[-1]):
        raise InvalidValueError(
            f"edges name nodes from {edges.min()} to {edges.max()}, but nodes are 0 to {offsets[-1] - 1}"
        )
    edges = np.sort(edges, axis=1)
    layers = np.searchsorted(offsets, edges, side="right") - 1
    inside = np.flatnonzero(layers[:, 0] == layers[:, 1])
    if inside.size:
        source, target = edges[inside[0]]
        raise InvalidValueError(
            f"edge ({source}, {target}) stays inside layer {layers[inside[0], 0]}; edges must join two layers"
        )
    rows = []
    for layer in range(len(sizes) - 1):
        row = np.zeros((sizes[layer], offsets[-1] - offsets[layer + 1]), dtype=np.bool_)
        own = edges[layers[:, 0] == layer]
        row[own[:, 0] - offsets[layer], own[:, 1] - offsets[layer + 1]] = True
        rows.append(row)
    graph = LayerGraph(sizes, tuple(rows))
    if graph.n_edges != len(edges):
        raise InvalidValueError(f"{len(edges) - graph.n_edges} of {len(edges)} edges are given more than once")
    return graph


def to_scipy(graph: LayerGraph) -> "scipy.sparse.csr_array":
    """Return the adjacency as a boolean CSR array of shape `[n_nodes, n_nodes]`, rows the edges' starts."""
    sparse = require_extra("scipy.sparse", "graph")
    sources, targets = graph.edges().T
    return sparse.csr_array((np.ones(graph.n_edges, dtype=np.bool_), (sources, targets)), shape=(graph.n_nodes,) * 2)


def from_scipy(matrix: "scipy.sparse.sparray", sizes: Sequence[int]) -> LayerGraph:
    """Return the graph of a square adjacency whose nodes are numbered layer by layer.

    Raises:
        InvalidValueError: the matrix is not square of the nodes' number, or not a layered graph.
    """
    check_sizes(sizes)
    n_nodes = sum(sizes)
    if matrix.shape != (n_nodes, n_nodes):
        raise InvalidValueError(
            f"layers of {n_nodes} nodes need an adjacency of shape {(n_nodes,) * 2}, got {matrix.shape}"
        )
    return from_edges(sizes, np.column_stack(matrix.nonzero()))


def to_networkx(graph: LayerGraph) -> "networkx.DiGraph":
    """Return a directed networkx graph whose nodes have the attribute `layer`."""
    networkx = require_extra("networkx", "graph")
    result = networkx.DiGraph()
    result.add_nodes_from((node, {"layer": layer}) for node, layer in enumerate(_layers(graph).tolist()))
    result.add_edges_from(graph.edges().tolist())
    return result


def from_networkx(graph: "networkx.Graph") -> LayerGraph:
    """Return the graph of a networkx graph whose nodes have the attribute `layer` (0 for the input).

    Raises:
        InvalidValueError: a node without a layer, a layer without nodes, or an edge inside a layer.
    """
    layers = dict(graph.nodes(data="layer"))
    missing = [node for node, layer in layers.items() if layer is None]
    if missing:
        raise InvalidValueError(
            f"node {missing[0]!r} has no attribute 'layer'; set the layer of every node, 0 for the input"
        )
    ordered = sorted(layers, key=lambda node: layers[node])
    number = {node: index for index, node in enumerate(ordered)}
    edges = np.array([(number[source], number[target]) for source, target in graph.edges()], dtype=np.int64)
    return from_edges(_sizes([layers[node] for node in ordered]), edges)


def to_igraph(graph: LayerGraph) -> "igraph.Graph":
    """Return a directed igraph graph whose vertices have the attribute `layer`."""
    igraph = require_extra("igraph", "graph")
    return igraph.Graph(
        n=graph.n_nodes, edges=graph.edges(), directed=True, vertex_attrs={"layer": _layers(graph).tolist()}
    )


def from_igraph(graph: "igraph.Graph") -> LayerGraph:
    """Return the graph of an igraph graph whose vertices have the attribute `layer` (0 for the input).

    Raises:
        InvalidValueError: no attribute `layer`, a layer without nodes, or an edge inside a layer.
    """
    if "layer" not in graph.vs.attributes():
        raise InvalidValueError(
            "the igraph graph has no vertex attribute 'layer'; set the layer of every vertex, 0 for the input"
        )
    layers = np.array(graph.vs["layer"], dtype=np.int64)
    order = np.argsort(layers, kind="stable")
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    edges = np.array(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2)
    return from_edges(_sizes(layers[order].tolist()), number[edges])


def _layers(graph: LayerGraph) -> NDArray[np.int64]:
    return np.repeat(np.arange(graph.n_layers), graph.sizes)


def _sizes(layers: Sequence[int]) -> list[int]:
    """Return the number of nodes of each layer, from the layers of all nodes."""
    if not layers or min(layers) < 0:
        raise InvalidValueError("layers are numbered from 0 for the input; the graph has none, or a negative one")
    counts: list[int] = np.bincount(layers).tolist()
    if 0 in counts:
        raise InvalidValueError(f"layer {counts.index(0)} has no nodes; layers must be numbered without gaps from 0")
    return counts
