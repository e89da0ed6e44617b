import math
from collections import Counter

import networkx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import InvalidValueError
from swann.smallworld import UndirectedGraph, _random_graphs, degree_preserving, erdos_renyi, ring_lattice


@given(st.integers(2, 60), st.floats(0, 1), st.integers(0, 1000))
def test_a_random_graph_has_exactly_the_asked_edges(n_nodes, share, seed):
    n_edges = round(share * math.comb(n_nodes, 2))
    graph = erdos_renyi(n_nodes, n_edges, np.random.default_rng(seed))
    assert graph == UndirectedGraph.from_edges(n_nodes, graph.edges())
    assert (graph.n_nodes, graph.n_edges) == (n_nodes, n_edges)
    assert graph == erdos_renyi(n_nodes, n_edges, np.random.default_rng(seed))


@pytest.mark.parametrize("n_edges", [2, 4])  # few of the 6 pairs, and so many that those left out are drawn
@pytest.mark.parametrize("most_marks", [0, 32])  # pairs are drawn by sorting, and by marking
def test_every_random_graph_is_equally_likely(n_edges, most_marks, monkeypatch):
    monkeypatch.setattr(_random_graphs, "_MOST_MARKS", most_marks)
    generator = np.random.default_rng(5)
    counts = Counter(tuple(map(tuple, erdos_renyi(4, n_edges, generator).edges())) for _ in range(6000))
    expected = 6000 / math.comb(6, n_edges)
    assert len(counts) == math.comb(6, n_edges)
    chi_squared = sum((count - expected) ** 2 / expected for count in counts.values())
    assert chi_squared < 36.1  # the 0.1 % point at 14 degrees of freedom


def test_a_sparse_random_graph_of_many_nodes_takes_no_memory_for_its_pairs():
    assert erdos_renyi(2_000_000, 3, np.random.default_rng(0)).n_edges == 3


@given(st.integers(4, 30), st.floats(0, 1), st.integers(0, 100), st.sampled_from([0, 2**29]))
def test_swaps_keep_degrees_and_a_simple_graph(n_nodes, share, seed, most_bit_bytes):
    generator = np.random.default_rng(seed)
    graph = erdos_renyi(n_nodes, round(share * math.comb(n_nodes, 2)), generator)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_random_graphs, "_MOST_BIT_BYTES", most_bit_bytes)  # edges are looked up in bits, or in lists
        swapped = degree_preserving(graph, generator, swaps_per_edge=3)
    assert swapped.degrees().tolist() == graph.degrees().tolist()
    assert swapped == UndirectedGraph.from_edges(n_nodes, swapped.edges())


@pytest.mark.parametrize("most_bit_bytes", [0, 2**29])
def test_swaps_reach_every_graph_of_the_degrees_equally_often(most_bit_bytes, monkeypatch):
    monkeypatch.setattr(_random_graphs, "_MOST_BIT_BYTES", most_bit_bytes)
    hexagon = UndirectedGraph.from_edges(6, [(node, (node + 1) % 6) for node in range(6)])
    generator = np.random.default_rng(3)
    counts = Counter(
        tuple(map(tuple, degree_preserving(hexagon, generator, swaps_per_edge=20).edges())) for _ in range(7000)
    )
    assert len(counts) == 70  # 60 hexagons and 10 pairs of triangles
    chi_squared = sum((count - 100) ** 2 / 100 for count in counts.values())
    assert chi_squared < 111.1  # the 0.1 % point at 69 degrees of freedom


def test_a_graph_without_two_edges_cannot_be_swapped():
    graph = UndirectedGraph.from_edges(3, [[0, 1]])
    assert degree_preserving(graph, np.random.default_rng(0)) == graph


@pytest.mark.parametrize("n_edges", [10, 20, 45])
def test_a_ring_lattice_of_whole_rings_is_networkxs(n_edges):
    oracle = networkx.circulant_graph(10, range(1, n_edges // 10 + 1)) if n_edges < 45 else networkx.complete_graph(10)
    assert ring_lattice(10, n_edges) == UndirectedGraph.from_edges(10, list(oracle.edges()))


@given(st.integers(2, 40), st.floats(0, 1))
def test_a_ring_lattice_has_exactly_the_asked_edges_and_even_degrees(n_nodes, share):
    graph = ring_lattice(n_nodes, round(share * math.comb(n_nodes, 2)))
    assert graph == UndirectedGraph.from_edges(n_nodes, graph.edges())
    assert graph.n_edges == round(share * math.comb(n_nodes, 2))
    assert np.ptp(graph.degrees()) <= 2


@pytest.mark.parametrize("make", [ring_lattice, lambda n, m: erdos_renyi(n, m, np.random.default_rng(0))])
def test_edges_that_do_not_fit_are_refused(make):
    message = "a graph of 4 nodes must have a whole number of edges from 0 to 6, got 7"
    with pytest.raises(InvalidValueError, match=message):
        make(4, 7)
    with pytest.raises(InvalidValueError, match="from 0 to 6, got -1"):
        make(4, -1)
    with pytest.raises(InvalidValueError, match="nodes of at least 2 to have distances, got 1"):
        make(1, 0)


@pytest.mark.parametrize("swaps", [-1, float("nan"), float("inf")])
def test_a_number_of_swaps_that_cannot_be_is_refused(swaps):
    with pytest.raises(InvalidValueError, match="swaps_per_edge must be a number of at least 0"):
        degree_preserving(ring_lattice(5, 5), np.random.default_rng(0), swaps_per_edge=swaps)
