import json

import torch
from torch import nn

import swann


def test_the_summary_says_what_changed():
    model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU(), nn.Linear(12, 4))
    twin = swann.convert(model, torch.zeros(1, 6), 0.5)
    found = swann.summary(twin)
    assert found.before.weights == found.after.weights == 6 * 12 + 12 * 12 + 12 * 4
    assert sum(edges for _, _, edges, _ in found.links) == found.before.weights
    assert found.small_worldness_before.clustering == 0
    assert found.small_worldness_after.clustering > 0
    text = str(found)
    assert "input → 0:" in text
    assert "weights                              264             264" in text
    assert json.loads(json.dumps(found.to_json()))["small_worldness_after"]["S"] == found.small_worldness_after.S


def test_figures_that_are_not_defined_are_said_to_be_so():
    sparse = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    found = swann.summary(swann.convert(sparse, torch.zeros(1, 1), 0.5))
    assert found.small_worldness_after is None
    assert "not defined" in str(found)
