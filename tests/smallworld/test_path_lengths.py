import math

import igraph
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import InvalidValueError
from swann.graph import LayerGraph
from swann.smallworld import PathLengths, UndirectedGraph, path_lengths, rewire


def igraph_path_lengths(graph: UndirectedGraph) -> PathLengths:
    oracle = igraph.Graph(n=graph.n_nodes, edges=graph.edges().tolist())
    histogram = oracle.path_length_hist(directed=False)
    counts = [0] * int(max((high - 1 for _, high, _ in histogram.bins()), default=0))
    for low, _, count in histogram.bins():
        counts[int(low) - 1] = int(count)
    return PathLengths(tuple(counts), int(histogram.unconnected))


@st.composite
def graphs(draw):
    n_nodes = draw(st.integers(2, 40))
    pairs = st.tuples(st.integers(0, n_nodes - 1), st.integers(0, n_nodes - 1)).filter(lambda pair: pair[0] != pair[1])
    return UndirectedGraph.from_edges(n_nodes, draw(st.lists(pairs, max_size=120)))


@given(graphs())
def test_the_histogram_equals_igraphs_on_any_graph(graph):
    assert path_lengths(graph) == igraph_path_lengths(graph)


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize(("n_nodes", "n_edges"), [(1100, 300), (1500, 1500), (2100, 6000), (1030, 60_000)])
def test_the_histogram_equals_igraphs_over_several_batches(n_nodes, n_edges, threads):
    edges = np.random.default_rng(n_edges).integers(0, n_nodes, size=(n_edges, 2))
    graph = UndirectedGraph.from_edges(n_nodes, edges[edges[:, 0] != edges[:, 1]])
    assert path_lengths(graph, threads=threads) == igraph_path_lengths(graph)


@pytest.mark.parametrize("p", [0.0, 0.05, 0.5, 1.0])
def test_the_histogram_of_a_rewired_network_equals_igraphs(p):
    graph = rewire(LayerGraph.chain([3, 20, 20, 30, 30, 10]), p, seed=1).graph
    assert path_lengths(graph) == igraph_path_lengths(UndirectedGraph.from_layer_graph(graph))


def test_a_long_path_has_every_distance_once_more_than_the_next():
    n_nodes = 3000
    nodes = np.arange(n_nodes - 1)
    graph = UndirectedGraph.from_edges(n_nodes, np.column_stack((nodes, nodes + 1)))
    assert path_lengths(graph) == PathLengths(tuple(range(n_nodes - 1, 0, -1)), 0)


def test_components_that_share_a_batch_do_not_reach_each_other():
    edges = [(2 * pair, 2 * pair + 1) for pair in range(1300)]
    assert path_lengths(UndirectedGraph.from_edges(2601, edges)) == PathLengths((1300,), 2601 * 2600 // 2 - 1300)


def test_without_edges_no_pair_is_reachable_and_the_mean_is_not_a_number():
    lengths = path_lengths(UndirectedGraph.from_edges(3, []))
    assert lengths == PathLengths((), 3)
    assert math.isnan(lengths.mean)
    assert lengths.diameter == 0


def test_the_mean_counts_reachable_pairs_alone():
    lengths = path_lengths(UndirectedGraph.from_edges(4, [[0, 1], [1, 2]]))
    assert lengths == PathLengths((2, 1), 3)
    assert lengths.mean == pytest.approx(4 / 3)
    assert lengths.diameter == 2


def test_a_number_of_threads_below_one_is_refused():
    with pytest.raises(InvalidValueError, match="the number of threads must be at least 1, got 0"):
        path_lengths(UndirectedGraph.from_edges(2, [[0, 1]]), threads=0)
