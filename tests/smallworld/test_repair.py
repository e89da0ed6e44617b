import numpy as np

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


def test_a_node_that_never_had_an_input_is_left_alone():
    graph = LayerGraph((1, 2, 1), (np.array([[True, False, False]]), np.array([[True], [True]])))
    rows = [row.copy() for row in graph.rows]
    assert restore_dead_nodes(graph, rows, np.random.default_rng(0)) == 0
    assert all(map(np.array_equal, rows, graph.rows))
