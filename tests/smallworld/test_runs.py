import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann import InvalidValueError
from swann.graph import LayerGraph
from swann.smallworld import check_granularity, rewire
from swann.smallworld._runs import graph_of_nodes, graph_of_runs, run_lengths


def lengths_of(graph, granularity):
    return [lengths.tolist() for lengths in run_lengths(graph, granularity)]


def test_the_last_run_is_what_remains_and_a_small_layer_is_one_run():
    assert lengths_of(LayerGraph.chain([3, 8, 10, 10]), 4) == [[3], [4, 4], [4, 4, 2], [4, 4, 2]]


def test_runs_start_anew_at_each_group_of_a_convolution():
    graph = LayerGraph.chain([6, 12, 12, 5], groups=[2, 3, 1])
    assert lengths_of(graph, 3) == [[3, 3], [3, 1, 2, 2, 3, 1], [3, 1, 3, 1, 3, 1], [3, 2]]
    assert lengths_of(graph, 4) == [[3, 3], [4, 2, 2, 4], [4, 4, 4], [4, 1]]


def test_runs_end_where_an_earlier_rewiring_made_neighbours_differ():
    rows = (np.array([[True, True, True, False, False], [True, True, True, False, False]]), np.ones((4, 1), dtype=bool))
    graph = LayerGraph((2, 4, 1), rows)
    assert lengths_of(graph, 2) == [[2], [2, 1, 1], [1]]


def test_a_graph_of_runs_by_hand():
    graph = LayerGraph.chain([3, 4, 3], groups=[1, 1])
    lengths = run_lengths(graph, 2)
    of_runs = graph_of_runs(graph, lengths)
    assert of_runs.sizes == (2, 2, 2)
    assert of_runs == LayerGraph.chain([2, 2, 2])


@given(
    st.lists(st.integers(1, 4), min_size=3, max_size=5),
    st.integers(1, 5),
    st.integers(1, 4),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_runs_and_nodes_are_two_views_of_one_graph(counts, factor, granularity, p, seed):
    """Also of a graph that was rewired before, by blocks of another size."""
    graph = LayerGraph.chain([count * factor for count in counts])
    graph = rewire(graph, p, seed=seed, granularity=min(factor, 2)).graph
    try:
        lengths = run_lengths(graph, granularity)
    except InvalidValueError:
        return
    assert tuple(layer.sum() for layer in lengths) == graph.sizes
    assert max(layer.max() for layer in lengths) <= granularity
    assert graph_of_nodes([row.copy() for row in graph_of_runs(graph, lengths).rows], lengths) == graph


@pytest.mark.parametrize("granularity", [0, -4, 2.0, "8", True, None])
def test_what_is_no_granularity_is_refused(granularity):
    with pytest.raises(InvalidValueError, match="the granularity must be a whole number of at least 1, got"):
        check_granularity(granularity)


@pytest.mark.parametrize(
    ("graph", "longest"),
    [
        (LayerGraph.chain([32, 8, 6, 32]), 8),
        (LayerGraph.chain([16, 16, 16], groups=[4, 1]), 4),
        (LayerGraph.chain([16, 16, 16], groups=[16, 1]), 1),
    ],
)
def test_a_granularity_that_no_hidden_layer_has_is_refused(graph, longest):
    check_granularity(longest, graph)
    message = (
        f"granularity {longest + 1} is too large: no hidden layer has more than {longest} neighbouring channels with "
        f"the same inputs and outputs; choose a granularity from 1 to {longest}"
    )
    with pytest.raises(InvalidValueError, match=message):
        check_granularity(longest + 1, graph)


def test_without_hidden_layers_every_granularity_fits():
    check_granularity(99, LayerGraph.chain([3, 2]))
