import json

import pytest
from networks import IMAGES, image_network, plan_of
from torch import nn

from swann import FileFormatError, UnknownNameError
from swann.nn import Plan, paper_order
from swann.smallworld import rewire
from swann.trace import Stage


@pytest.fixture
def plan():
    return plan_of(image_network(), IMAGES, 0.5)


def test_json_gives_the_plan_back(plan):
    again = Plan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert again.fingerprint() == plan.fingerprint()
    assert plan.fingerprint() != plan_of(image_network(), IMAGES, 0.5, seed=1).fingerprint()


def test_a_plan_prints_what_was_done(plan):
    text = str(plan)
    assert "p = 0.5, ends drawn over nodes, seed 0, with repair" in text
    assert f"{len(plan.links())} links between layers, order 'paper'" in text
    assert "2 → 6 → BatchNorm2d → ReLU → MaxPool2d" in text


def test_a_plan_of_before_there_were_blocks_is_read(plan):
    value = json.loads(json.dumps(plan.to_json()))
    assert value["rewiring"].pop("granularity") == 1
    assert Plan.from_json(value) == plan


def test_a_plan_of_blocks_says_so(plan):
    blocks = Plan(plan.chain, rewire(plan.chain.graph(), 0.5, granularity=2))
    assert Plan.from_json(json.loads(json.dumps(blocks.to_json()))) == blocks
    assert blocks.to_json()["rewiring"]["granularity"] == 2
    assert "seed 0, in blocks of 2×2 channels, with repair" in str(blocks)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value.update(version=99), "the plan is of version 99, this release reads version 1"),
        (lambda value: value.pop("version"), "not a plan: it has no version"),
        (lambda value: value["graph"].update(edges="AAAA"), "not a graph"),
        (lambda value: value["graph"].update(sizes=[2, 3]), "not a graph|take"),
        (lambda value: value["rewiring"].update(rewiring_probability=2), "p must be a number from 0 to 1"),
        (lambda value: value["rewiring"].update(granularity=0), "the granularity must be a whole number of at least 1"),
        (lambda value: value["rewiring"].update(extra=2), "not a plan"),
        (lambda value: value.update(order="best"), "unknown order 'best'"),
    ],
)
def test_changed_json_is_refused(plan, change, message):
    value = json.loads(json.dumps(plan.to_json()))
    change(value)
    with pytest.raises(FileFormatError, match=message):
        Plan.from_json(value)


def test_a_graph_of_another_network_is_refused(plan):
    other = plan_of(nn.Sequential(nn.Flatten(), nn.Linear(1458, 5), nn.Linear(5, 3)), IMAGES, 0.5)
    with pytest.raises(FileFormatError, match="the graph has layers"):
        Plan(plan.chain, other.rewiring)


def test_an_unknown_order_is_refused(plan):
    with pytest.raises(UnknownNameError, match="unknown order 'papers': did you mean 'paper'"):
        Plan(plan.chain, plan.rewiring, "papers")


def stages(names):
    return tuple(Stage(name, name, {}) for name in names.split())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("BatchNorm2d ReLU MaxPool2d", "ReLU MaxPool2d BatchNorm2d"),
        ("ReLU LocalResponseNorm MaxPool2d Flatten", "ReLU MaxPool2d LocalResponseNorm Flatten"),
        ("BatchNorm2d ReLU AdaptiveAvgPool2d Flatten", "ReLU BatchNorm2d AdaptiveAvgPool2d Flatten"),
        ("ReLU Flatten BatchNorm1d", "ReLU Flatten BatchNorm1d"),
        ("LayerNorm ReLU MaxPool2d", "LayerNorm ReLU MaxPool2d"),
        ("BatchNorm2d ZeroPad2d ReLU", "BatchNorm2d ZeroPad2d ReLU"),
        ("LogSoftmax", "LogSoftmax"),
    ],
)
def test_the_papers_order(before, after):
    assert paper_order(stages(before)) == stages(after)
