import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from .._errors import FileFormatError
from ..graph import LayerGraph
from ._matrix_products import matrix_products
from ._path_lengths import path_lengths
from ._triangles import triangles
from ._undirected_graph import UndirectedGraph, as_undirected


@dataclass(frozen=True)
class Measurement:
    """The small-world figures of one graph.

    Args:
        clustering: the clustering coefficient C.
        path_length: the characteristic path length L over the pairs that a path joins; NaN without edges.
        n_nodes: the number of nodes.
        n_edges: the number of edges.
        n_unreachable: the number of pairs of nodes that no path joins.
        diameter: the largest distance of two nodes that a path joins.
    """

    clustering: float
    path_length: float
    n_nodes: int
    n_edges: int
    n_unreachable: int
    diameter: int

    def to_json(self) -> str:
        """Return the figures as JSON; a path length that is not defined is null."""
        values = asdict(self)
        if np.isnan(self.path_length):
            values["path_length"] = None
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> "Measurement":
        """Return the figures written by `to_json`.

        Raises:
            FileFormatError: the text is not JSON or lacks a figure.
        """
        try:
            values = json.loads(text)
            path_length = values.pop("path_length")
            return cls(path_length=float("nan") if path_length is None else path_length, **values)
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            raise FileFormatError(f"this is not a measurement written by to_json: {error}") from error


def measure(
    graph: LayerGraph | UndirectedGraph, *, threads: int | None = None, device: str | None = None
) -> Measurement:
    """Return C and L of a graph, exactly.

    Args:
        graph: a network's graph, whose directions are ignored, or any undirected graph.
        threads: the number of threads; by default one for each core. It is of no effect with a device.
        device: where to compute by dense matrix products through torch, such as `"cuda"` or `"cuda:1"`; by default
            the figures, which are the same, come from sets of bits on the CPU, which suits sparse graphs too.

    Raises:
        InvalidValueError: fewer than one thread, or a device that torch does not find.

    >>> measure(UndirectedGraph.from_edges(4, [[0, 1], [1, 2], [2, 0]]))  # doctest: +NORMALIZE_WHITESPACE
    Measurement(clustering=0.75, path_length=1.0, n_nodes=4, n_edges=3, n_unreachable=3, diameter=1)
    """
    graph = as_undirected(graph)
    if device is None:
        lengths = path_lengths(graph, threads=threads)
        n_triangles = triangles(graph, threads=threads)
    else:
        n_triangles, lengths = matrix_products(graph, device)
    clustering = float(_local_clustering(graph, n_triangles).mean())
    return Measurement(clustering, lengths.mean, graph.n_nodes, graph.n_edges, lengths.n_unreachable, lengths.diameter)


def clustering_coefficient(graph: LayerGraph | UndirectedGraph, *, threads: int | None = None) -> float:
    """Return the mean local clustering coefficient C of a graph (Eq. 1 of the SWANN paper).

    Args:
        graph: a network's graph, whose directions are ignored, or any undirected graph.
        threads: the number of threads; by default one for each core.

    >>> clustering_coefficient(UndirectedGraph.from_edges(4, [[0, 1], [1, 2], [2, 0]]))
    0.75
    """
    return float(local_clustering(graph, threads=threads).mean())


def local_clustering(graph: LayerGraph | UndirectedGraph, *, threads: int | None = None) -> NDArray[np.float64]:
    """Return for each node the share of pairs of its neighbours that an edge joins, of shape `[n_nodes]`.

    A node of degree below 2 has 0.

    >>> local_clustering(UndirectedGraph.from_edges(4, [[0, 1], [1, 2], [2, 0], [2, 3]])).round(2)
    array([1.  , 1.  , 0.33, 0.  ])
    """
    graph = as_undirected(graph)
    return _local_clustering(graph, triangles(graph, threads=threads))


def _local_clustering(graph: UndirectedGraph, n_triangles: NDArray[np.int64]) -> NDArray[np.float64]:
    degrees = graph.degrees()
    n_pairs = degrees * (degrees - 1) // 2
    return np.asarray(n_triangles / np.maximum(n_pairs, 1))
