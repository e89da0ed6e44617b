import torch
from torch import nn

from swann.convert import count_chain, count_plan
from swann.graph import LayerGraph
from swann.nn import Plan, build
from swann.smallworld import Rewiring, rewire
from swann.trace import trace


def test_counts_by_hand():
    """Two 3×3 convolutions on 4×4 maps, pooled to 2×2, and a linear layer."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(12, 5),
    )  # fmt: skip
    chain = trace(model, torch.zeros(1, 1, 4, 4))
    before = count_chain(chain)
    assert before.weights == 1 * 2 * 9 + 2 * 3 * 9 + 12 * 5
    assert before.parameters == before.weights + 2 + 2 * 2 + 5
    assert before.macs == 18 * 16 + 54 * 16 + 60

    rows = [row.copy() for row in chain.graph().rows]
    rows[0][0] = [True, False, False, False, False, True, False, False, False, False]  # (0, 2) goes to the last layer
    rewiring = Rewiring(LayerGraph(chain.sizes, tuple(rows)), 0.1, "nodes", 0, False, 1, 0, 1)
    after = count_plan(Plan(chain, rewiring))
    assert after.weights == before.weights
    assert after.parameters == before.parameters
    assert after.macs == 9 * 16 + 9 + 54 * 16 + 60


def test_counts_are_those_of_the_module():
    model = nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.PReLU(4), nn.Flatten(), nn.Linear(16, 5), nn.Linear(5, 3))
    chain = trace(model, torch.zeros(1, 2, 4, 4))
    plan = Plan(chain, rewire(chain.graph(), 0.5))
    expected = sum(parameter.numel() for parameter in model.parameters())
    assert count_chain(chain).parameters == count_plan(plan).parameters == expected
    assert sum(parameter.numel() for parameter in build(plan).parameters()) == expected
