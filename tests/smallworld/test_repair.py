import numpy as np
import pytest

from swann.graph import LayerGraph
from swann.smallworld._repair import restore_dead_nodes


def moved_away():
    """Return the chain 1-2-2-2 with both edges from the input moved to the last layer, by hand."""
    graph = LayerGraph.chain([1, 2, 2, 2])
    rows = [row.copy() for row in graph.rows]
    rows[0][0] = [False, False, False, False, True, True]
    return graph, rows


def test_dead_nodes_get_their_edges_back():
    graph, rows = moved_away()
    assert restore_dead_nodes(graph, rows, np.random.default_rng(0)) == 2
    assert rows[0].tolist() == [[True, True, False, False, False, False]]


def test_a_dry_run_counts_and_changes_nothing():
    graph, rows = moved_away()
    before = [row.copy() for row in rows]
    assert restore_dead_nodes(graph, rows, np.random.default_rng(0), dry_run=True) == 2
    assert all(map(np.array_equal, rows, before))


def test_an_end_that_dies_of_the_repair_is_repaired_in_its_turn():
    """Node 1 can only be revived by the edge (0, 2), the one input of node 2; that one then gets (1, 2) back."""
    graph = LayerGraph.chain([1, 1, 1, 1])
    rows = [row.copy() for row in graph.rows]
    rows[0][0] = [False, True, False]
    rows[1][0] = [False, True]
    assert restore_dead_nodes(graph, rows, np.random.default_rng(0)) == 1
    assert rows[0].tolist() == [[True, False, False]]
    assert rows[1].tolist() == [[True, False]]


@pytest.mark.parametrize("seed", range(10, 30))
def test_an_end_of_another_length_does_not_move_back(seed):
    """Layers 1 to 3 are runs of 4 and 2 channels; node 2 lost both inputs, and only blocks of 4 can come back."""
    graph = LayerGraph.chain([2, 2, 2, 2])
    lengths = tuple(map(np.array, ([1, 1], [4, 2], [4, 2], [4, 2])))
    rows = [row.copy() for row in graph.rows]
    rows[0][:] = [[False, False, False, True, True, False], [False, True, False, False, True, False]]
    assert restore_dead_nodes(graph, rows, np.random.default_rng(seed), lengths=lengths) == 4
    assert rows[0][:, 0].sum() == 1
    assert rows[0][:, [0, 4]].sum(axis=1).tolist() == [1, 1]
    assert rows[0][:, [1, 3]].tolist() == [[False, True], [True, False]]


def test_a_node_that_never_had_an_input_is_left_alone():
    graph = LayerGraph((1, 2, 1), (np.array([[True, False, False]]), np.array([[True], [True]])))
    rows = [row.copy() for row in graph.rows]
    assert restore_dead_nodes(graph, rows, np.random.default_rng(0)) == 0
    assert all(map(np.array_equal, rows, graph.rows))
