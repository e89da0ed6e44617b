from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from swann.experiments._clustering_swaps import swap_for_clustering
from swann.graph import LayerGraph
from swann.smallworld import rewire


def clustering(graph):
    return nx.average_clustering(nx.Graph(map(tuple, graph.edges().tolist())))


def per_pair(graph):
    return {(source, target): int(block.sum()) for source, target, block in graph.blocks()}


@pytest.mark.parametrize(("more", "sign"), [(True, 1), (False, -1)])
def test_clustering_moves_as_asked_and_all_degrees_and_costs_stay(more, sign):
    before = rewire(LayerGraph.chain([4, 12, 12, 10, 10, 6]), 0.6, seed=2).graph
    after = swap_for_clustering(before, np.random.default_rng(0), more=more)
    assert sign * (clustering(after) - clustering(before)) > 0.03
    assert per_pair(after) == per_pair(before)
    np.testing.assert_array_equal(after.in_degrees(), before.in_degrees())
    np.testing.assert_array_equal(after.out_degrees(), before.out_degrees())


def test_each_swap_alone_moves_clustering_in_the_same_direction():
    """Many tries of one swap each: C as networkx counts it never falls."""
    graph, generator, found = rewire(LayerGraph.chain([3, 6, 6, 5]), 0.5, seed=1).graph, np.random.default_rng(3), []
    for _ in range(40):
        found.append(clustering(graph))
        graph = swap_for_clustering(graph, generator, more=True, swaps_per_edge=1 / graph.n_edges)
    assert all(after >= before for before, after in pairwise(found))
    assert found[-1] > found[0]
