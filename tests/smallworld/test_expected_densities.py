import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import InvalidValueError, UnknownNameError
from swann.graph import LayerGraph
from swann.smallworld import expected_densities, rewire
from swann.smallworld._expected_densities import expected_edges


def mean_densities(sizes, p, draw, groups, n_seeds=200):
    chain = LayerGraph.chain(sizes, groups)
    graphs = [rewire(chain, p, seed=seed, draw=draw, repair=False).graph for seed in range(n_seeds)]
    return np.mean([graph.densities() for graph in graphs], axis=0)


@pytest.mark.parametrize("p", [0.2, 0.7, 1.0])
@pytest.mark.parametrize("draw", ["nodes", "layers"])
@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([8, 20, 30, 10, 20], None),
        ([8, 40, 12, 30, 10], None),  # all three later layers together are hardly larger than the second
        ([8, 40, 8, 4, 6], None),  # and here much smaller: most edges find no free end
        ([8, 16, 32, 8], [2, 8, 4]),
    ],
)
def test_the_densities_are_the_mean_of_rewired_graphs(sizes, groups, draw, p):
    expected = expected_densities(sizes, p, draw=draw, groups=groups)
    assert np.abs(expected - mean_densities(sizes, p, draw, groups)).max() < (0.025 if draw == "nodes" else 0.04)


@given(st.lists(st.integers(1, 30), min_size=2, max_size=8), st.floats(0, 1), st.sampled_from(["nodes", "layers"]))
def test_the_expected_number_of_edges_is_the_chains(sizes, p, draw):
    densities = expected_densities(sizes, p, draw=draw)
    assert densities.min() >= 0
    assert densities.max() <= 1 + 1e-9
    out_degrees = densities @ np.array(sizes)
    assert out_degrees == pytest.approx([*sizes[1:], 0])


def test_without_rewiring_the_densities_are_the_chains():
    chain = LayerGraph.chain([4, 8, 6], [2, 2])
    assert expected_densities([4, 8, 6], 0.0, groups=[2, 2]).tolist() == chain.densities().tolist()


def test_layers_are_split_by_the_groups_on_both_sides():
    edges = expected_edges([4, 12, 6], 0.25, "nodes", [2, 3])
    assert edges.layers.tolist() == [0] * 2 + [1] * 6 + [2] * 3
    assert edges.n_nodes.tolist() == [2] * 2 + [2] * 6 + [2] * 3
    assert edges.kept[0].tolist() == [0] * 2 + [0.75] * 3 + [0] * 6
    assert edges.moved[0].tolist() == [0] * 8 + [0.25] * 3
    assert edges.kept[4].tolist() == [0] * 9 + [1, 0]


def test_runs_of_another_length_are_a_class_of_their_own():
    """Layer 1 has three runs of 2 nodes and one of 1; layer 2 two of 2; so the run of 1 keeps its block."""
    edges = expected_edges([3, 7, 4], 0.25, "nodes", None, granularity=2)
    assert edges.layers.tolist() == [0, 0, 1, 1, 2]
    assert edges.run_lengths.tolist() == [2, 1, 2, 1, 2]
    assert edges.n_runs.tolist() == [1, 1, 3, 1, 2]
    assert edges.kept[:2, 3].tolist() == [1, 1]
    assert edges.densities @ edges.n_nodes == pytest.approx(edges.out_degrees)


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=8),
    st.floats(0, 1),
    st.sampled_from(["nodes", "layers"]),
    st.integers(1, 9),
)
def test_blocks_keep_the_expected_number_of_edges(sizes, p, draw, granularity):
    edges = expected_edges(sizes, p, draw, None, granularity)
    assert edges.densities @ edges.n_nodes == pytest.approx(edges.out_degrees)


def test_very_many_groups_leave_layers_whole():
    edges = expected_edges([2048, 2048, 4], 0.5, "nodes", [2048, 1])
    assert edges.layers.tolist() == [0, 1, 2]
    assert edges.kept[0, 1] == pytest.approx(0.5 / 2048)


def test_bad_input_is_refused():
    with pytest.raises(InvalidValueError, match="layer 1 must have a whole number of nodes of at least 1, got -4"):
        expected_densities([2, -4, 3], 0.5)
    with pytest.raises(InvalidValueError, match="the rewiring probability p must be a number from 0 to 1, got nan"):
        expected_densities([2, 4, 3], float("nan"))
    with pytest.raises(InvalidValueError, match="3 groups between layers 0 and 1 do not divide 2 and 4 nodes"):
        expected_densities([2, 4, 3], 0.5, groups=[3, 1])
    with pytest.raises(InvalidValueError, match="3 layers need 2 numbers of groups, got 1"):
        expected_densities([2, 4, 3], 0.5, groups=[1])
    with pytest.raises(UnknownNameError, match="unknown draw 'node': did you mean 'nodes'"):
        expected_densities([2, 4, 3], 0.5, draw="node")
