"""How small-world a network is, and how to rewire it until it is."""

from ._measurement import Measurement, clustering_coefficient, local_clustering, measure
from ._path_lengths import PathLengths, path_lengths
from ._rewire import Draw, Rewiring, check_probability, rewire
from ._triangles import triangles
from ._undirected_graph import UndirectedGraph

__all__ = [
    "Draw",
    "Measurement",
    "PathLengths",
    "Rewiring",
    "UndirectedGraph",
    "check_probability",
    "clustering_coefficient",
    "local_clustering",
    "measure",
    "path_lengths",
    "rewire",
    "triangles",
]
