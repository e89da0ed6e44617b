"""What a network is: layers, nodes and edges."""

from ._interchange import (
    from_edges,
    from_igraph,
    from_networkx,
    from_scipy,
    to_igraph,
    to_networkx,
    to_scipy,
)
from ._layer_graph import LayerGraph, check_sizes
from ._packing import from_json, to_json

__all__ = [
    "LayerGraph",
    "check_sizes",
    "from_edges",
    "from_igraph",
    "from_json",
    "from_networkx",
    "from_scipy",
    "to_igraph",
    "to_json",
    "to_networkx",
    "to_scipy",
]
