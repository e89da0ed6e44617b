import hashlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann import InvalidValueError, UnknownNameError
from swann.graph import LayerGraph
from swann.smallworld import check_seed, rewire
from swann.smallworld._runs import run_lengths

chains = st.lists(st.integers(1, 8), min_size=2, max_size=6).map(LayerGraph.chain)
probabilities = st.floats(0, 1)
draws = st.sampled_from(["nodes", "layers"])
seeds = st.integers(0, 2**32)


@st.composite
def chains_and_granularities(draw):
    """Chains, some with groups, and a granularity of at most their largest stretch of alike channels."""
    n_layers = draw(st.integers(2, 6))
    groups = draw(st.lists(st.sampled_from([1, 1, 1, 2, 3]), min_size=n_layers - 1, max_size=n_layers - 1))
    inner = [math.lcm(*pair) for pair in zip((1, *groups), (*groups, 1), strict=True)]
    parts = draw(st.lists(st.integers(1, 7), min_size=n_layers, max_size=n_layers))
    graph = LayerGraph.chain([part * count for part, count in zip(parts, inner, strict=True)], groups)
    return graph, draw(st.integers(1, max(parts[1:-1], default=9)))


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


@given(chains_and_granularities(), probabilities, draws, st.booleans(), seeds)
def test_blocks_keep_every_promise_too(graph_and_granularity, p, draw, repair, seed):
    graph, granularity = graph_and_granularity
    rewiring = rewire(graph, p, seed=seed, draw=draw, repair=repair, granularity=granularity)
    after, last = rewiring.graph, graph.n_layers - 1
    assert rewiring.granularity == granularity
    assert np.array_equal(after.out_degrees(), graph.out_degrees())
    assert np.array_equal(after.block(last - 1, last), graph.block(last - 1, last))
    for layer in range(last):
        assert not (after.block(layer, layer + 1) & ~graph.block(layer, layer + 1)).any()
    assert rewiring.n_moved == sum(
        np.count_nonzero(old & ~new) for old, new in zip(graph.rows, after.rows, strict=True)
    )
    n_dead = np.count_nonzero(after.in_degrees()[graph.sizes[0] :] == 0)
    assert n_dead == (0 if repair else rewiring.n_dead)
    for lengths, layer in zip(run_lengths(graph, granularity), range(graph.n_layers), strict=True):
        for first, length in zip(np.cumsum(lengths) - lengths, lengths, strict=True):
            run = slice(first, first + length)
            for source in range(layer):
                block = after.block(source, layer)
                assert (block[:, [first]] == block[:, run]).all()
            if layer < last:
                assert (after.rows[layer][[first]] == after.rows[layer][run]).all()


@given(chains_and_granularities(), draws, seeds)
def test_at_one_a_block_stays_only_where_every_run_of_its_length_is_taken(graph_and_granularity, draw, seed):
    graph, granularity = graph_and_granularity
    rewiring = rewire(graph, 1, seed=seed, draw=draw, repair=False, granularity=granularity)
    lengths = run_lengths(graph, granularity)
    n_stuck = 0
    for layer in range(graph.n_layers - 2):
        near = rewiring.graph.block(layer, layer + 1)
        n_stuck += near.sum()
        for length in np.unique(lengths[layer + 1]):
            of_length = np.repeat(lengths[layer + 1] == length, lengths[layer + 1])
            far = np.concatenate([np.repeat(later == length, later) for later in lengths[layer + 2 :]])
            stays = near[:, of_length].any(axis=1)
            assert rewiring.graph.rows[layer][stays][:, graph.sizes[layer + 1] :][:, far].all()
    assert rewiring.n_stuck == n_stuck


def test_blocks_move_whole_to_runs_of_their_length():
    """Layer 1 has runs of 4, 4 and 2 nodes; its run of 2 can only move to that of layer 2, the others to those of 4."""
    after = rewire(LayerGraph.chain([2, 10, 6, 4]), 1, granularity=4, repair=False).graph
    assert not after.block(0, 1).any()
    assert after.block(0, 2).all()
    assert after.block(0, 3).all()


def test_a_run_of_a_length_that_no_later_layer_has_keeps_its_edges():
    rewiring = rewire(LayerGraph.chain([3, 6, 4, 4]), 1, granularity=4, repair=False)
    assert rewiring.graph.block(0, 1).tolist() == [[False] * 4 + [True] * 2] * 3
    assert rewiring.n_stuck == 3 * 2 + 6 * 4 - 6 * 4
    assert rewiring.n_moved == 3 * 4 + 6 * 4


def test_the_repair_of_blocks_keeps_every_nodes_edges():
    """One run of two inputs feeds runs of 2, 2 and 1, most of which lose it."""
    graph = LayerGraph.chain([2, 5, 5, 5, 5])
    for seed in range(20):
        rewiring = rewire(graph, 0.9, seed=seed, granularity=2)
        assert np.array_equal(rewiring.graph.out_degrees(), graph.out_degrees())
        assert (rewiring.graph.in_degrees()[2:] > 0).all()


def fingerprint(rewiring):
    digest = hashlib.sha256(repr((rewiring.n_moved, rewiring.n_stuck, rewiring.n_dead)).encode())
    for row in rewiring.graph.rows:
        digest.update(np.packbits(row).tobytes())
    return digest.hexdigest()[:16]


@pytest.mark.parametrize(
    ("sizes", "groups", "draw", "repair", "expected"),
    [
        ((3, 16, 16, 24, 24, 10), None, "nodes", True, "f765c1ca86b4c43d"),
        ((3, 16, 16, 24, 24, 10), None, "layers", False, "ebad81458eeaec64"),
        ((4, 8, 12, 6, 5), (2, 4, 3, 1), "nodes", False, "1abf148d0867f832"),
        ((4, 8, 12, 6, 5), (2, 4, 3, 1), "layers", True, "bbb3a7337921dc26"),
    ],
)
def test_single_channels_are_drawn_as_before_there_were_blocks(sizes, groups, draw, repair, expected):
    """The fingerprints were taken when single edges alone could move."""
    graph = LayerGraph.chain(sizes, groups)
    assert fingerprint(rewire(graph, 0.7, seed=5, draw=draw, repair=repair)) == expected
    assert fingerprint(rewire(graph, 0.7, seed=5, draw=draw, repair=repair, granularity=1)) == expected


@given(st.lists(st.integers(1, 5), min_size=3, max_size=5), st.integers(2, 4), probabilities, draws, seeds)
def test_blocks_of_whole_layers_are_the_rewired_graph_of_runs_blown_up(counts, granularity, p, draw, seed):
    of_runs = rewire(LayerGraph.chain(counts), p, seed=seed, draw=draw)
    sizes = [count * granularity for count in counts]
    after = rewire(LayerGraph.chain(sizes), p, seed=seed, draw=draw, granularity=granularity)
    block = np.ones((granularity, granularity), dtype=bool)
    for run, row in zip(of_runs.graph.rows, after.graph.rows, strict=True):
        assert np.array_equal(np.kron(run, block), row)
    assert after.n_moved == of_runs.n_moved * granularity**2
    assert after.n_stuck == of_runs.n_stuck * granularity**2
    assert after.n_dead == of_runs.n_dead * granularity


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


@pytest.mark.parametrize("granularity", [1, 8, 32])
def test_convnet_c_keeps_its_edges(granularity):
    convnet_c = LayerGraph.chain([3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512])
    rewiring = rewire(convnet_c, 0.85, granularity=granularity)
    assert rewiring.graph.n_edges == convnet_c.n_edges == 1_634_496
    assert rewiring.n_stuck == 0
    assert abs(rewiring.n_moved / (1_634_496 - 512 * 512) - 0.85) < (0.01 if granularity < 32 else 0.04)


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan, "half", True])
def test_p_outside_its_range_is_refused(p):
    with pytest.raises(InvalidValueError, match="p must be a number from 0 to 1, got"):
        rewire(LayerGraph.chain([1, 2, 2]), p)


@pytest.mark.parametrize(
    ("granularity", "message"),
    [
        (0, "the granularity must be a whole number of at least 1, got 0"),
        (1.5, "the granularity must be a whole number of at least 1, got 1.5"),
        (5, "granularity 5 is too large: no hidden layer has more than 4 neighbouring channels"),
    ],
)
def test_a_granularity_that_cannot_be_is_refused(granularity, message):
    with pytest.raises(InvalidValueError, match=message):
        rewire(LayerGraph.chain([8, 4, 8]), 0.5, granularity=granularity)


@pytest.mark.parametrize("seed", [-1, 1.5, "0", None, True, 2**63])
def test_a_seed_that_cannot_be_is_refused(seed):
    message = f"the seed must be a whole number from 0 to 2⁶³ - 1, got {seed!r}$"
    for use in (check_seed, lambda seed: rewire(LayerGraph.chain([2, 2, 2]), 0.5, seed=seed)):
        with pytest.raises(InvalidValueError, match=message):
            use(seed)
    check_seed(np.int64(3))


def test_an_unknown_draw_is_refused_with_near_matches():
    with pytest.raises(UnknownNameError, match="unknown draw 'node': did you mean 'nodes'"):
        rewire(LayerGraph.chain([1, 2, 2]), 0.5, draw="node")
