import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from swann import FileFormatError, trace
from swann.graph import LayerGraph
from swann.models import densenet40
from swann.trace import Chain, trace_parts


@pytest.fixture
def chain():
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, groups=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.3), nn.Linear(36, 5)
    )
    return trace(model, torch.zeros(1, 2, 8, 8))


def test_graph_and_weights(chain):
    assert chain.graph() == LayerGraph.chain([2, 4, 5], groups=[2, 1])
    assert chain.n_weights() == 4 * 9 + 36 * 5
    assert [chain.map_shape(layer) for layer in range(3)] == [(2, 8, 8), (4, 3, 3), (5,)]


def test_json_gives_the_chain_back(chain):
    assert Chain.from_json(json.loads(json.dumps(chain.to_json()))) == chain


def test_what_was_left_out_is_kept_and_older_files_lack_it(chain):
    assert not {"shortcuts", "removed_weights"} & chain.to_json().keys()
    residual = replace(chain, shortcuts=("add",), removed=("down",), removed_weights=8)
    value = json.loads(json.dumps(residual.to_json()))
    assert Chain.from_json(value) == residual
    del value["shortcuts"], value["removed_weights"], value["dense"]
    older = Chain.from_json(value)
    assert older == replace(residual, shortcuts=(), removed_weights=0)
    assert older.left_out() == ["removed with the shortcuts: down"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value.pop("layers"), "chain: expected the fields"),
        (lambda value: value["layers"][0].update(kind="rnn"), "layer 1 is of kind 'rnn'; expected 'conv' or 'linear'"),
        (lambda value: value["layers"][1].update(n_inputs=3), "layer 2 reads 3 nodes"),
        (
            lambda value: value["layers"][1].update(n_outputs=-3),
            "layer 2: n_outputs must be of whole numbers of at least 1, found -3",
        ),
        (
            lambda value: value["layers"][0].update(kernel="ab"),
            "layer 1: kernel must be of whole numbers of at least 1",
        ),
        (lambda value: value.update(shortcuts=[3]), r"chain: shortcuts must be names, found \[3\]"),
        (lambda value: value.update(removed_weights=-1), "removed_weights must be of whole numbers of at least 0"),
        (lambda value: value["layers"][0]["stages"][0].update(arguments=3), "has no table of arguments"),
    ],
)
def test_changed_json_is_refused(chain, change, message):
    value = json.loads(json.dumps(chain.to_json()))
    change(value)
    with pytest.raises(FileFormatError, match=message):
        Chain.from_json(value)


@pytest.fixture
def block():
    return trace_parts(densenet40(width=0.1, in_channels=1), torch.zeros(1, 1, 8, 8))[1]


def test_a_dense_block_hands_on_all_maps(block):
    assert block.sizes == (2, *[1] * 12)
    assert block.output_shape == (14, 8, 8)
    assert Chain.from_json(json.loads(json.dumps(block.to_json()))) == block
    assert "output: the input and the maps of all layers, joined" in str(block)


def test_maps_of_another_size_cannot_be_joined(block):
    value = json.loads(json.dumps(block.to_json()))
    value["layers"][2]["map_shape"] = [1, 4, 8]
    with pytest.raises(
        FileFormatError, match=r"layer 3 of a dense block hands on a map of size \(4, 8\); expected that"
    ):
        Chain.from_json(value)


def test_a_chain_of_before_there_were_dense_blocks_is_read(chain):
    value = chain.to_json()
    assert value.pop("dense") is False
    assert Chain.from_json(value) == chain
    assert chain.output_shape == (5,)
