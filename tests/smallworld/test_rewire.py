import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann import InvalidValueError, UnknownNameError
from swann.graph import LayerGraph
from swann.smallworld import rewire

chains = st.lists(st.integers(1, 8), min_size=2, max_size=6).map(LayerGraph.chain)
probabilities = st.floats(0, 1)
draws = st.sampled_from(["nodes", "layers"])
seeds = st.integers(0, 2**32)


@given(chains, probabilities, draws, st.booleans(), seeds)
def test_rewiring_keeps_what_it_promises(graph, p, draw, repair, seed):
    rewiring = rewire(graph, p, seed=seed, draw=draw, repair=repair)
    after = rewiring.graph
    assert after.sizes == graph.sizes
    assert after.n_edges == graph.n_edges
    assert np.array_equal(after.out_degrees(), graph.out_degrees())
    last = graph.n_layers - 1
    assert np.array_equal(after.block(last - 1, last), graph.block(last - 1, last))
    assert rewiring.n_moved == np.count_nonzero(np.concatenate([row.ravel() for row in after.rows])) - sum(
        np.count_nonzero(old & new) for old, new in zip(graph.rows, after.rows, strict=True)
    )
    if repair:
        assert (after.in_degrees()[graph.sizes[0] :] > 0).all()
    else:
        assert rewiring.n_dead == np.count_nonzero(after.in_degrees()[graph.sizes[0] :] == 0)


@given(chains, draws, seeds)
def test_nothing_moves_at_zero(graph, draw, seed):
    rewiring = rewire(graph, 0, seed=seed, draw=draw)
    assert rewiring.graph == graph
    assert rewiring.n_moved == rewiring.n_stuck == rewiring.n_dead == 0


@given(chains, seeds)
def test_everything_moves_at_one_where_ends_are_free(graph, seed):
    rewiring = rewire(graph, 1, seed=seed, repair=False)
    for layer in range(graph.n_layers - 2):
        n_ends = sum(graph.sizes[layer + 2 :])
        stuck = max(0, graph.sizes[layer + 1] - n_ends)
        assert (rewiring.graph.block(layer, layer + 1).sum(axis=1) == stuck).all()


def test_edges_without_a_free_end_stay_and_are_counted():
    rewiring = rewire(LayerGraph.chain([2, 5, 3]), 1, repair=False)
    assert rewiring.n_stuck == 2 * (5 - 3)
    assert rewiring.graph.block(0, 2).all()
    assert rewiring.graph.block(0, 1).sum() == 4


def test_groups_of_a_convolution_are_respected_by_the_repair():
    graph = LayerGraph.chain([4, 4, 4, 4], groups=[2, 2, 1])
    for seed in range(20):
        after = rewire(graph, 1, seed=seed).graph
        assert not (after.block(0, 1) & ~graph.block(0, 1)).any()
        assert (after.in_degrees()[4:] > 0).all()


def test_grouped_and_partly_rewired_graphs_never_double_an_edge():
    once = rewire(LayerGraph.chain([4, 6, 6, 5, 3], groups=[2, 3, 1, 1]), 0.5, seed=1).graph
    twice = rewire(once, 0.9, seed=2).graph
    assert twice.n_edges == once.n_edges
    assert (twice.in_degrees()[4:] > 0).all()


def test_the_seed_decides_everything():
    graph = LayerGraph.chain([3, 8, 8, 8, 4])
    assert rewire(graph, 0.5, seed=7).graph == rewire(graph, 0.5, seed=7).graph
    assert rewire(graph, 0.5, seed=7).graph != rewire(graph, 0.5, seed=8).graph


def test_the_share_of_moved_edges_is_p():
    graph = LayerGraph.chain([50, 50, 50, 50])
    n_movable = 2 * 50 * 50
    n_moved = rewire(graph, 0.3, repair=False).n_moved
    assert abs(n_moved - 0.3 * n_movable) < 5 * math.sqrt(n_movable * 0.3 * 0.7)


@pytest.mark.parametrize(("draw", "to_small_layer"), [("nodes", 10 / 40), ("layers", 1 / 2)])
def test_new_ends_are_drawn_as_asked(draw, to_small_layer):
    """Each of 2,000 nodes moves its edges among 10 + 30 free nodes of two later layers."""
    graph = LayerGraph.chain([2000, 2, 10, 30])
    after = rewire(graph, 1, draw=draw, repair=False).graph
    counts = after.block(0, 2).sum(), after.block(0, 3).sum()
    n_moved = sum(counts)
    assert n_moved == 4000
    assert abs(counts[0] - to_small_layer * n_moved) < 5 * math.sqrt(n_moved / 4)
    per_node = after.block(0, 3).sum(axis=0)
    assert abs(per_node - per_node.mean()).max() < 5 * math.sqrt(per_node.mean())


def test_full_layers_are_drawn_again():
    """One node of layer 2 is filled at once; the other edges go to layer 3."""
    after = rewire(LayerGraph.chain([1, 6, 1, 8]), 1, draw="layers", repair=False).graph
    assert after.block(0, 1).sum() == 0
    assert after.n_edges == 6 + 6 + 8


def test_convnet_c_keeps_its_edges():
    convnet_c = LayerGraph.chain([3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512])
    rewiring = rewire(convnet_c, 0.85)
    assert rewiring.graph.n_edges == convnet_c.n_edges == 1_634_496
    assert rewiring.n_stuck == 0
    assert 0.84 < rewiring.n_moved / (1_634_496 - 512 * 512) < 0.86


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan, "half", True])
def test_p_outside_its_range_is_refused(p):
    with pytest.raises(InvalidValueError, match="p must be a number from 0 to 1, got"):
        rewire(LayerGraph.chain([1, 2, 2]), p)


def test_an_unknown_draw_is_refused_with_near_matches():
    with pytest.raises(UnknownNameError, match="unknown draw 'node': did you mean 'nodes'"):
        rewire(LayerGraph.chain([1, 2, 2]), 0.5, draw="node")
