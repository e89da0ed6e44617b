import math

import igraph
import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import FileFormatError
from swann.graph import LayerGraph, to_networkx
from swann.smallworld import Measurement, UndirectedGraph, clustering_coefficient, local_clustering, measure, rewire


@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), st.floats(0, 1), st.integers(0, 100))
def test_the_figures_of_a_rewired_network_equal_networkxs(sizes, p, seed):
    graph = rewire(LayerGraph.chain(sizes), p, seed=seed, repair=False).graph
    oracle = to_networkx(graph).to_undirected()
    distances = [
        length for _, ends in networkx.all_pairs_shortest_path_length(oracle) for length in ends.values() if length
    ]
    figures = measure(graph)
    assert figures.clustering == pytest.approx(networkx.average_clustering(oracle), abs=1e-12)
    assert figures.path_length == pytest.approx(sum(distances) / len(distances), abs=1e-12)
    assert figures.diameter == max(distances)
    assert figures.n_unreachable == math.comb(graph.n_nodes, 2) - len(distances) // 2
    assert (figures.n_nodes, figures.n_edges) == (graph.n_nodes, graph.n_edges)


def test_the_figures_equal_igraphs_on_a_disconnected_random_graph():
    oracle = igraph.Graph(n=400, edges=igraph.Graph.Erdos_Renyi(n=400, m=700).get_edgelist())
    figures = measure(UndirectedGraph.from_edges(400, oracle.get_edgelist()))
    assert figures.clustering == pytest.approx(oracle.transitivity_avglocal_undirected(mode="zero"), abs=1e-12)
    assert figures.path_length == pytest.approx(oracle.average_path_length(unconn=True), abs=1e-12)


def test_nodes_with_fewer_than_two_neighbours_count_as_zero():
    graph = UndirectedGraph.from_edges(5, [[0, 1], [1, 2], [2, 0], [2, 3]])
    assert local_clustering(graph).tolist() == pytest.approx([1, 1, 1 / 3, 0, 0])
    assert clustering_coefficient(graph) == pytest.approx(7 / 15)


def test_two_nodes_with_and_without_their_edge():
    assert measure(UndirectedGraph.from_edges(2, [[1, 0]])) == Measurement(0.0, 1.0, 2, 1, 0, 1)
    empty = measure(UndirectedGraph.from_edges(2, []))
    assert math.isnan(empty.path_length)
    assert (empty.n_unreachable, empty.diameter) == (1, 0)


def test_the_figures_survive_json():
    figures = Measurement(0.25, 1.5, 10, 20, 3, 4)
    assert Measurement.from_json(figures.to_json()) == figures
    empty = measure(UndirectedGraph.from_edges(3, []))
    assert math.isnan(Measurement.from_json(empty.to_json()).path_length)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"path_length": 1.0, "clusterin": 2}'])
def test_json_of_something_else_is_refused(text):
    with pytest.raises(FileFormatError, match="this is not a measurement written by to_json"):
        Measurement.from_json(text)
