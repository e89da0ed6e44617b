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

__all__ = [
    "LayerGraph",
    "check_sizes",
    "from_edges",
    "from_igraph",
    "from_networkx",
    "from_scipy",
    "to_igraph",
    "to_networkx",
    "to_scipy",
]
