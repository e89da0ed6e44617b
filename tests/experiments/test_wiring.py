import numpy as np
import pytest

from swann.experiments import StudyNetwork
from swann.experiments._wiring import balance, wire
from swann.graph import LayerGraph
from swann.smallworld import rewire

CHAIN = LayerGraph.chain([3, 12, 10, 8, 5])


def per_pair(graph):
    return {(source, target): int(block.sum()) for source, target, block in graph.blocks()}


def test_the_default_is_the_package_s_own_rewiring():
    assert wire(CHAIN, StudyNetwork(p=0.5, draw="layers"), 4) == rewire(CHAIN, 0.5, seed=4, draw="layers")


def test_in_degrees_are_equal_within_layers_and_costs_stay():
    before = rewire(CHAIN, 0.7, seed=3).graph
    after = balance(before, np.random.default_rng(0))
    degrees = [after.in_degrees()[start:stop] for start, stop in zip(CHAIN.offsets, CHAIN.offsets[1:], strict=False)]
    assert all(np.ptp(of_layer) <= 1 for of_layer in degrees)
    assert per_pair(after) == per_pair(before)
    np.testing.assert_array_equal(after.out_degrees(), before.out_degrees())
    unequal = [before.in_degrees()[start:stop] for start, stop in zip(CHAIN.offsets, CHAIN.offsets[1:], strict=False)]
    assert any(np.ptp(of_layer) > 1 for of_layer in unequal)


def test_the_first_layer_may_be_left():
    left = wire(CHAIN, StudyNetwork(p=1.0, first_layer=False), 0)
    np.testing.assert_array_equal(left.graph.rows[0], CHAIN.rows[0])
    rest = rewire(LayerGraph.chain([12, 10, 8, 5]), 1.0, seed=0).graph
    assert all(map(np.array_equal, left.graph.rows[1:], rest.rows))
    assert left.graph.n_edges == CHAIN.n_edges


@pytest.mark.parametrize("wiring", ["balanced", "more clustered", "less clustered"])
def test_moved_edges_are_counted(wiring):
    found = wire(CHAIN, StudyNetwork(p=0.5, wiring=wiring), 1)
    old, new = (set(map(tuple, graph.edges().tolist())) for graph in (CHAIN, found.graph))
    assert found.n_moved == len(old - new)
    assert len(new) == len(old)
    assert found.graph != rewire(CHAIN, 0.5, seed=1).graph
