import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann.graph import LayerGraph
from swann.smallworld import UndirectedGraph, rewire, triangles


def networkx_triangles(graph: UndirectedGraph) -> list[int]:
    oracle = networkx.Graph(graph.edges().tolist())
    oracle.add_nodes_from(range(graph.n_nodes))
    counts = networkx.triangles(oracle)
    return [counts[node] for node in range(graph.n_nodes)]


@given(st.integers(2, 150), st.floats(0, 1), st.integers(0, 1000))
def test_the_counts_equal_networkxs_on_random_graphs(n_nodes, density, seed):
    upper = np.triu(np.random.default_rng(seed).random((n_nodes, n_nodes)) < density**3, 1)
    graph = UndirectedGraph.from_edges(n_nodes, np.argwhere(upper))
    assert triangles(graph).tolist() == networkx_triangles(graph)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("n_edges", [1500, 3000, 9000, 60_000])  # the first two are sparse enough to follow edges
def test_the_counts_equal_networkxs_over_several_tasks(n_edges, threads):
    edges = np.random.default_rng(n_edges).integers(0, 1000, size=(n_edges, 2)) ** 2 // 1000
    graph = UndirectedGraph.from_edges(1000, edges[edges[:, 0] != edges[:, 1]])
    assert triangles(graph, threads=threads).tolist() == networkx_triangles(graph)


def test_a_chain_of_layers_has_no_triangle_and_a_rewired_one_has():
    chain = LayerGraph.chain([3, 8, 8, 4])
    assert triangles(chain).sum() == 0
    graph = rewire(chain, 0.5).graph
    assert triangles(graph).tolist() == networkx_triangles(UndirectedGraph.from_layer_graph(graph))
