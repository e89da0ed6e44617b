import json
from dataclasses import replace

import networkx
import numpy as np
import pytest

from swann._errors import FileFormatError, InvalidValueError
from swann.graph import LayerGraph
from swann.smallworld import (
    Reference,
    SmallWorldness,
    UndirectedGraph,
    measure,
    reference,
    rewire,
    ring_lattice,
    small_worldness,
)


def test_the_ratios_are_those_of_the_paper():
    figures = SmallWorldness(0.6, 2.0, 0.2, 1.6, 0)
    assert figures.gamma == pytest.approx(3)
    assert figures.lambda_ == pytest.approx(1.25)
    assert round(figures.S, 12) == 2.4
    assert repr(figures) == "SmallWorldness(S=2.4±0, γ=0.6/0.2=3, λ=2/1.6=1.25, n_unreachable=0)"


def test_the_reference_agrees_with_networkxs_random_graphs():
    oracles = [networkx.gnm_random_graph(60, 400, seed=seed) for seed in range(30)]
    clustering = [networkx.average_clustering(oracle) for oracle in oracles]
    length = [networkx.average_shortest_path_length(oracle) for oracle in oracles]
    ours = reference(60, 400, samples=30)
    assert ours.clustering == pytest.approx(np.mean(clustering), abs=5 * np.std(clustering) / np.sqrt(15))
    assert ours.path_length == pytest.approx(np.mean(length), abs=5 * np.std(length) / np.sqrt(15))
    assert ours.clustering_std == pytest.approx(np.std(clustering), rel=0.6)
    assert reference(60, 400, seed=1) == reference(60, 400, seed=1) != reference(60, 400, seed=2)


def test_the_standard_error_is_that_of_repeated_references():
    graph = rewire(LayerGraph.chain([3, 20, 20, 10]), 0.5).graph
    figures = [small_worldness(graph, samples=4, seed=seed) for seed in range(60)]
    spread = np.std([figure.S for figure in figures], ddof=1)
    mean_square = np.sqrt(np.mean([figure.standard_error**2 for figure in figures]))
    assert mean_square == pytest.approx(spread, rel=0.3)
    assert small_worldness(graph, samples=1).standard_error == 0


def test_a_lattice_has_omega_of_a_lattice_and_no_small_world_index():
    figures = small_worldness(ring_lattice(200, 1000), lattice=True)
    assert figures.omega == pytest.approx(figures.path_length_random / figures.path_length - 1)
    assert figures.omega < -0.5
    assert figures.small_world_index == pytest.approx(0)


def test_a_watts_strogatz_graph_is_small_world_by_all_three_measures():
    oracle = networkx.watts_strogatz_graph(400, 10, 0.1, seed=0)
    figures = small_worldness(UndirectedGraph.from_edges(400, list(oracle.edges())), lattice=True)
    assert figures.S > 5
    assert -0.6 < figures.omega < 0.6
    assert 0.4 < figures.small_world_index <= 1


def test_a_complete_graph_has_an_omega_but_no_index():
    figures = small_worldness(ring_lattice(6, 15), lattice=True)
    assert (figures.S, figures.omega, figures.small_world_index) == (1, 0, None)


def test_given_references_are_used():
    graph = rewire(LayerGraph.chain([3, 10, 10, 5]), 0.5).graph
    figures = small_worldness(graph, references=Reference(28, graph.n_edges, (0.25, 0.35), (2.0, 2.0)))
    measured = measure(graph)
    assert abs(figures.S - measured.clustering / 0.3 / (measured.path_length / 2)) < 1e-12
    with pytest.raises(InvalidValueError, match=r"the references have 27 nodes .* the graph has 28 and"):
        small_worldness(graph, references=Reference(27, graph.n_edges, (0.3,), (2.0,)))


def test_without_triangles_in_the_references_there_is_no_measure():
    with pytest.raises(InvalidValueError, match="random graphs of 50 nodes and 2 edges have no triangle, so S is not"):
        small_worldness(UndirectedGraph.from_edges(50, [[0, 1], [1, 2]]))
    with pytest.raises(InvalidValueError, match="random graphs of 3 nodes and 0 edges have no triangle"):
        small_worldness(UndirectedGraph.from_edges(3, []))
    graph = UndirectedGraph.from_edges(4, [[0, 1], [1, 2], [2, 0]])
    with pytest.raises(InvalidValueError, match="the ring lattice of 4 nodes and 3 edges has no triangle, so ω is not"):
        small_worldness(graph, samples=200, lattice=True)


def test_a_reference_needs_a_sample():
    with pytest.raises(InvalidValueError, match="the seed must be a whole number from 0 to .*, got -1"):
        reference(5, 10, seed=-1)
    with pytest.raises(InvalidValueError, match="at least 1 random graph is needed for a reference, got samples=0"):
        reference(10, 20, samples=0)


def test_the_figures_survive_json():
    figures = small_worldness(ring_lattice(50, 200), lattice=True)
    assert SmallWorldness.from_json(figures.to_json()) == figures
    assert json.loads(figures.to_json())["S"] == figures.S
    plain = replace(figures, omega=None, small_world_index=None)
    assert SmallWorldness.from_json(plain.to_json()) == plain
    for text in ("{", "[]", '{"S": 1}'):
        with pytest.raises(FileFormatError, match="this is not a small-worldness written by to_json"):
            SmallWorldness.from_json(text)
