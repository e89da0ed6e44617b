import math

import numpy as np
import pytest

from swann._errors import InvalidValueError
from swann.graph import LayerGraph
from swann.smallworld import expected_small_worldness, path_lengths, reference, rewire, small_worldness

CONVNET_C = (3, *[64] * 2, *[128] * 2, *[256] * 3, *[512] * 6)
RESNET_18 = (3, *[64] * 5, *[128] * 4, *[256] * 4, *[512] * 4, 1000)
ALEXNET = (3, 96, 256, 384, 384, 256)


@pytest.mark.parametrize("p", [0.1, 0.4, 0.85, 1.0])
@pytest.mark.parametrize("draw", ["nodes", "layers"])
@pytest.mark.parametrize(
    ("sizes", "groups"), [(CONVNET_C, None), (RESNET_18, None), (ALEXNET, None), (ALEXNET, (1, 2, 1, 2, 2))]
)
def test_the_figures_are_within_two_percent_of_the_exact_ones(sizes, groups, draw, p):
    graph = rewire(LayerGraph.chain(sizes, groups), p, seed=0, draw=draw, repair=False).graph
    exact = small_worldness(graph, samples=1)
    expected = expected_small_worldness(sizes, p, draw=draw, groups=groups)
    assert abs(expected.S / exact.S - 1) < 0.02
    assert expected.clustering == pytest.approx(exact.clustering, rel=0.02)
    assert expected.path_length == pytest.approx(exact.path_length, rel=0.003)
    assert expected.clustering_random == pytest.approx(exact.clustering_random, rel=0.005)
    assert expected.path_length_random == pytest.approx(exact.path_length_random, rel=0.001)
    assert expected.n_unreachable == exact.n_unreachable == 0


@pytest.mark.parametrize("draw", ["nodes", "layers"])
@pytest.mark.parametrize(
    ("sizes", "groups", "granularity"),
    [
        ((*CONVNET_C, 10), None, 4),
        ((*CONVNET_C, 10), None, 8),
        (ALEXNET, (1, 2, 1, 2, 2), 8),
        ((3, *[100] * 4, *[212] * 4, 20), None, 8),  # every layer ends with a run of 4
    ],
)
def test_blocks_are_within_three_percent(sizes, groups, granularity, draw):
    chain = LayerGraph.chain(sizes, groups)
    references = reference(chain.n_nodes, chain.n_edges, samples=1)
    options = {"draw": draw, "granularity": granularity}
    graphs = [rewire(chain, 0.6, seed=seed, repair=False, **options).graph for seed in range(4)]
    exact = [small_worldness(graph, references=references) for graph in graphs]
    expected = expected_small_worldness(sizes, 0.6, groups=groups, **options)
    assert expected.clustering == pytest.approx(np.mean([figures.clustering for figures in exact]), rel=0.03)
    assert expected.path_length == pytest.approx(np.mean([figures.path_length for figures in exact]), rel=0.005)


def test_in_a_chain_blocks_change_nothing():
    sizes = (3, 12, 8, 6)
    single, blocks = (expected_small_worldness(sizes, 0.0, granularity=granularity) for granularity in (1, 4))
    assert blocks.path_length == pytest.approx(single.path_length)
    assert blocks.clustering == single.clustering == 0


@pytest.mark.parametrize("p", [0.3, 0.92])
def test_one_small_dense_block_is_within_four_percent(p):
    sizes = (24, *[12] * 12)
    chain = LayerGraph.chain(sizes)
    references = reference(chain.n_nodes, chain.n_edges, samples=20)
    graphs = [rewire(chain, p, seed=seed, repair=False).graph for seed in range(20)]
    exact = np.mean([small_worldness(graph, references=references).S for graph in graphs])
    assert abs(expected_small_worldness(sizes, p).S / exact - 1) < 0.04


def test_a_chain_has_its_exact_path_length_and_no_triangle():
    sizes = (3, 5, 4, 6, 2)
    expected = expected_small_worldness(sizes, 0.0)
    assert expected.clustering == 0
    assert expected.path_length == pytest.approx(path_lengths(LayerGraph.chain(sizes)).mean)


def test_groups_that_never_mix_leave_pairs_unreachable():
    sizes, groups = (4, 8, 6), (2, 2)
    exact = path_lengths(LayerGraph.chain(sizes, groups))
    expected = expected_small_worldness(sizes, 0.0, groups=groups)
    assert expected.path_length == pytest.approx(exact.mean)
    assert expected.n_unreachable == exact.n_unreachable == 9 * 9


def test_the_cost_does_not_depend_on_the_number_of_edges():
    figures = expected_small_worldness([100_000] * 6, 0.5)
    assert math.isfinite(figures.S)
    assert 1 < figures.path_length < 2


def test_fewer_than_three_edges_have_no_measure():
    with pytest.raises(InvalidValueError, match="S is not defined for 2 edges: a triangle needs 3"):
        expected_small_worldness([1, 2], 0.5)
