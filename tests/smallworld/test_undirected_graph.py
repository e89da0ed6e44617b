import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import InvalidValueError
from swann.graph import LayerGraph
from swann.smallworld import UndirectedGraph, rewire


def test_neighbours_are_sorted_and_repeated_or_opposite_edges_are_one():
    graph = UndirectedGraph.from_edges(5, [[3, 1], [1, 3], [0, 3], [0, 3], [1, 0]])
    assert graph.indptr.tolist() == [0, 2, 4, 4, 6, 6]
    assert graph.indices.tolist() == [1, 3, 0, 3, 0, 1]
    assert graph.edges().tolist() == [[0, 1], [0, 3], [1, 3]]
    assert graph.degrees().tolist() == [2, 2, 0, 2, 0]
    assert repr(graph) == "UndirectedGraph(5 nodes, 3 edges)"


@given(st.lists(st.integers(1, 9), min_size=2, max_size=6), st.floats(0, 1))
def test_a_layer_graph_keeps_its_edges(sizes, p):
    graph = rewire(LayerGraph.chain(sizes), p).graph
    undirected = UndirectedGraph.from_layer_graph(graph)
    assert undirected.edges().tolist() == graph.edges().tolist()
    assert undirected == UndirectedGraph.from_edges(graph.n_nodes, graph.edges()[::-1, ::-1])
    assert hash(undirected) == hash(UndirectedGraph.from_edges(graph.n_nodes, graph.edges()))


def test_a_layer_graph_of_transposed_arrays_keeps_its_edges():
    row = np.asfortranarray(np.array([[True, False, True], [False, True, True]]))
    graph = LayerGraph((2, 3), (row,))
    assert UndirectedGraph.from_layer_graph(graph).edges().tolist() == [[0, 2], [0, 4], [1, 3], [1, 4]]


@pytest.mark.parametrize("n_nodes", [-3, 0, 1, 2.0, True, 2**31])
def test_a_number_of_nodes_without_a_pair_is_refused(n_nodes):
    with pytest.raises(InvalidValueError, match="a graph must have a whole number of nodes of at least 2"):
        UndirectedGraph.from_edges(n_nodes, [])


def test_edges_that_cannot_be_are_refused():
    with pytest.raises(InvalidValueError, match=r"edges name nodes from 0 to 4, but nodes are 0 to 3"):
        UndirectedGraph.from_edges(4, [[0, 4]])
    with pytest.raises(InvalidValueError, match=r"edge \(2, 2\) joins a node to itself; edges must join two nodes"):
        UndirectedGraph.from_edges(4, [[0, 1], [2, 2]])


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(InvalidValueError, match="indptr must run from 0 to the 2 entries of indices, got 0 to 4"):
        UndirectedGraph(np.array([0, 2, 4]), np.zeros(2, dtype=np.int32))
    with pytest.raises(InvalidValueError, match="indptr and indices must be of int64 and int32, got int64 and int64"):
        UndirectedGraph(np.array([0, 1, 2]), np.array([1, 0]))
