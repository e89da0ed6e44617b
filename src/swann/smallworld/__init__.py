"""How small-world a network is, and how to rewire it until it is."""

from ._closed_form import expected_small_worldness
from ._expected_densities import expected_densities
from ._measurement import Measurement, clustering_coefficient, local_clustering, measure
from ._measurement_cache import MeasurementCache
from ._path_lengths import PathLengths, path_lengths
from ._random_graphs import degree_preserving, erdos_renyi, ring_lattice
from ._rewire import Draw, Rewiring, check_probability, check_seed, rewire
from ._runs import check_granularity
from ._search import GRID, search
from ._search_result import SearchResult
from ._small_worldness import Reference, SmallWorldness, reference, small_worldness
from ._triangles import triangles
from ._undirected_graph import UndirectedGraph

__all__ = [
    "GRID",
    "Draw",
    "Measurement",
    "MeasurementCache",
    "PathLengths",
    "Reference",
    "Rewiring",
    "SearchResult",
    "SmallWorldness",
    "UndirectedGraph",
    "check_granularity",
    "check_probability",
    "check_seed",
    "clustering_coefficient",
    "degree_preserving",
    "erdos_renyi",
    "expected_densities",
    "expected_small_worldness",
    "local_clustering",
    "measure",
    "path_lengths",
    "reference",
    "rewire",
    "ring_lattice",
    "search",
    "small_worldness",
    "triangles",
]
