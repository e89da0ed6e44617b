import json

import pytest
import torch
from torch import nn

import swann
from swann.convert import Counts
from swann.convert._summary import short


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


def test_the_counts_of_the_layers_add_up_to_those_of_the_network():
    model = nn.Sequential(nn.Conv2d(2, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(32, 3))
    found = swann.summary(swann.convert(model, torch.zeros(1, 2, 6, 6), 0.5))
    assert [layer.name for layer in found.layers] == ["input", "0", "2", "5"]
    assert Counts.total(layer.before for layer in found.layers) == found.before
    assert Counts.total(layer.after for layer in found.layers) == found.after
    assert Counts.total(layer.executed for layer in found.layers) == found.executed
    assert found.executed.weights > found.after.weights == found.before.weights
    value = json.loads(json.dumps(found.to_json()))
    assert value["executed"]["macs"] == found.executed.macs
    assert value["layers"][1]["before"]["activation_bytes"] == 4 * 2 * 8 * 16


def test_the_tables_show_each_layer_before_after_and_as_run():
    names = ["a", "a_name_of_fifteen"[:15], "blocks.0.layer.weighted"]
    model = nn.Sequential()
    for name, (sources, targets) in zip(names, ((3, 1000), (1000, 2000), (2000, 500)), strict=True):
        parts = name.split(".")
        module: nn.Module = nn.Linear(sources, targets, bias=False)
        for part in reversed(parts[1:]):
            inner = nn.Sequential()
            inner.add_module(part, module)
            module = inner
        model.add_module(parts[0], module)
    text = str(swann.summary(swann.convert(model, torch.zeros(1, 3), 0.0)))
    assert "\nmultiplications                3,003,000       3,003,000       3,003,000\n" in text
    assert "                                before           after          as run" in text
    table = text.split("written for one input.\n\n")[1].splitlines()
    assert table == [
        "                           parameters      multiplications     activation bytes",
        "layer            before  after as run before  after as run before  after as run",
        "a                    3k     3k     3k     3k     3k     3k     4k     4k     4k",
        "a_name_of_fifte      2M     2M     2M     2M     2M     2M     8k     8k     8k",
        "…layer.weighted      1M     1M     1M     1M     1M     1M     2k     2k     2k",
    ]
    assert all(len(line) <= 80 for line in text.split("links (edges")[1].splitlines())


def test_operations_on_the_input_have_a_line():
    model = nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 4), nn.Linear(4, 4))
    text = str(swann.summary(swann.convert(model, torch.zeros(1, 3), 0.5)))
    assert "\ninput                 6      6      6      0      0      0     12     12     12\n" in text


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1234, "1.23k"), (999_499, "999k"), (999_500, "1M"), (31_415_926, "31.4M"),
     (10**9, "1G"), (10**13, "10T"), (10**15, "1e+03T")],
)  # fmt: skip
def test_numbers_of_the_table_have_three_digits(number, text):
    assert short(number) == text
