import pytest
import torch
from dense_nets import IMAGES, dense_net

from swann import InvalidValueError
from swann.convert import plan_parts, rewired_graphs
from swann.graph import LayerGraph
from swann.models import mnist5
from swann.nn import DenseNetPlan, Plan
from swann.smallworld import rewire
from swann.trace import trace_parts


@pytest.fixture
def parts():
    return trace_parts(dense_net(), IMAGES)


@pytest.fixture
def chain():
    return trace_parts(mnist5(width=0.5, image_size=8), torch.zeros(1, 1, 8, 8))


def test_the_graphs_of_dense_blocks_or_of_the_chain(parts, chain):
    assert rewired_graphs(parts) == (LayerGraph.chain([4, 3, 3, 3, 3]), LayerGraph.chain([16, 3, 3, 3, 3]))
    assert rewired_graphs(chain) == (chain[0].graph(),)


def test_each_block_is_rewired_on_its_own_and_nothing_else(parts):
    plan = plan_parts(parts, (0.5, 1.0), seed=3, draw="layers", repair=False, granularity=2, order="paper")
    assert isinstance(plan, DenseNetPlan)
    assert tuple(part.chain for part in plan.parts) == parts
    for block, graph, p in zip(plan.blocks, rewired_graphs(parts), (0.5, 1.0), strict=True):
        assert block.rewiring == rewire(graph, p, seed=3, draw="layers", repair=False, granularity=2)
        assert block.order == "paper"
    for part in plan.parts[::2]:
        assert part.rewiring.graph == part.chain.graph()
        assert part.order == "keep"


def test_a_chain_gets_a_plan_of_its_own(chain):
    plan = plan_parts(chain, 0.5, order="keep")
    assert plan == plan_parts(chain, [0.5], order="keep")
    assert isinstance(plan, Plan)
    assert (plan.rewiring.rewiring_probability, plan.order) == (0.5, "keep")


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ((0.5,), "p has 1 probabilities; expected one number, or 2 for 2 dense blocks"),
        ((0.5, 1.5), "p must be a number from 0 to 1, got 1.5"),
        (-1, "p must be a number from 0 to 1, got -1"),
    ],
)
def test_bad_probabilities_are_named(parts, p, message):
    with pytest.raises(InvalidValueError, match=message):
        plan_parts(parts, p)


def test_a_chain_has_one_probability(chain):
    with pytest.raises(InvalidValueError, match="p has 2 probabilities; expected one number, or 1 for 1 dense block"):
        plan_parts(chain, (0.5, 0.6))
