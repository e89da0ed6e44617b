import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann import InvalidValueError
from swann.graph import (
    LayerGraph,
    from_edges,
    from_igraph,
    from_networkx,
    from_scipy,
    to_igraph,
    to_networkx,
    to_scipy,
)


@st.composite
def layer_graphs(draw):
    sizes = draw(st.lists(st.integers(1, 5), min_size=2, max_size=5))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = [random.random((size, sum(sizes[layer + 1 :]))) < 0.5 for layer, size in enumerate(sizes[:-1])]
    return LayerGraph(tuple(sizes), tuple(rows))


@given(layer_graphs())
def test_every_library_gives_the_graph_back(graph):
    assert from_edges(graph.sizes, graph.edges()) == graph
    assert from_scipy(to_scipy(graph), graph.sizes) == graph
    assert from_networkx(to_networkx(graph)) == graph
    assert from_igraph(to_igraph(graph)) == graph


def test_edges_may_be_given_backwards_and_nodes_in_any_order():
    shuffled = networkx.Graph([("out", "a"), ("b", "out"), ("in", "a"), ("in", "b")])
    networkx.set_node_attributes(shuffled, {"in": 0, "a": 1, "b": 1, "out": 2}, "layer")
    assert from_networkx(shuffled) == LayerGraph.chain([1, 2, 1])
    assert from_edges([1, 2], np.array([[1, 0], [2, 0]])) == LayerGraph.chain([1, 2])


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([[1, 2]], r"edge \(1, 2\) stays inside layer 1"),
        ([[0, 9]], "nodes from 0 to 9, but nodes are 0 to 3"),
        ([[0, 1], [1, 0]], "1 of 2 edges are given more than once"),
    ],
)
def test_edges_that_are_no_layered_graph_are_refused(edges, message):
    with pytest.raises(InvalidValueError, match=message):
        from_edges([1, 2, 1], np.array(edges))


def test_missing_layers_are_named():
    with pytest.raises(InvalidValueError, match="node 'a' has no attribute 'layer'"):
        from_networkx(networkx.Graph([("a", "b")]))
    graph = networkx.Graph([(0, 1)])
    networkx.set_node_attributes(graph, {0: 0, 1: 2}, "layer")
    with pytest.raises(InvalidValueError, match="layer 1 has no nodes"):
        from_networkx(graph)
    with pytest.raises(InvalidValueError, match=r"need an adjacency of shape \(4, 4\), got \(5, 5\)"):
        from_scipy(to_scipy(LayerGraph.chain([1, 2, 2])), [1, 2, 1])
