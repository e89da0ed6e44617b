import numpy as np
import pytest

from swann import InvalidValueError
from swann.graph import LayerGraph


def test_chain_joins_neighbouring_layers_alone():
    graph = LayerGraph.chain([1, 2, 2])
    assert graph.edges().tolist() == [[0, 1], [0, 2], [1, 3], [1, 4], [2, 3], [2, 4]]
    assert graph.n_nodes == 5
    assert graph.n_edges == 6
    assert graph.offsets == (0, 1, 3, 5)
    assert graph.in_degrees().tolist() == [0, 1, 1, 2, 2]
    assert graph.out_degrees().tolist() == [2, 2, 2, 0, 0]
    assert not graph.block(0, 2).any()


def test_groups_keep_edges_inside():
    graph = LayerGraph.chain([2, 4, 2], groups=[2, 1])
    assert graph.block(0, 1).tolist() == [[True, True, False, False], [False, False, True, True]]
    assert graph.block(1, 2).all()


def test_densities_of_a_chain():
    assert LayerGraph.chain([2, 4, 3], groups=[2, 1]).densities().tolist() == [
        [0, 0.5, 0],
        [0, 0, 1],
        [0, 0, 0],
    ]


def test_equality_and_hash_follow_the_edges():
    left, right = LayerGraph.chain([1, 2, 2]), LayerGraph.chain([1, 2, 2])
    assert left == right
    assert hash(left) == hash(right)
    assert left != LayerGraph.chain([1, 2, 3])
    assert left != "a graph"


def test_rows_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        LayerGraph.chain([1, 2, 2]).rows[0][0, 0] = False


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ([3], r"at least an input and one layer, got sizes \(3,\)"),
        ([3, -1, 2], "layer 1 must have a whole number of nodes of at least 1, got -1"),
        ([3, 2.5], "layer 1 must have a whole number of nodes of at least 1, got 2.5"),
    ],
)
def test_bad_sizes_are_named(sizes, message):
    with pytest.raises(InvalidValueError, match=message):
        LayerGraph.chain(sizes)


def test_bad_groups_are_named():
    with pytest.raises(InvalidValueError, match="2 groups between layers 0 and 1 do not divide 3 and 4 nodes"):
        LayerGraph.chain([3, 4], groups=[2])
    with pytest.raises(InvalidValueError, match="3 layers need 2 numbers of groups, got 1"):
        LayerGraph.chain([3, 4, 2], groups=[1])


def test_bad_arrays_are_named():
    with pytest.raises(
        InvalidValueError, match=r"leaving layer 0 must be a boolean array of shape \(1, 2\), got int64"
    ):
        LayerGraph((1, 2), (np.ones((1, 2), dtype=np.int64),))
    with pytest.raises(InvalidValueError, match="needs 2 arrays of edges, got 1"):
        LayerGraph((1, 2, 1), (np.ones((1, 3), dtype=np.bool_),))


def test_block_outside_the_graph_is_refused():
    with pytest.raises(InvalidValueError, match="got 1 and 1"):
        LayerGraph.chain([1, 2, 2]).block(1, 1)
