import json

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import swann
from swann.convert import Counts
from swann.models import densenet40

IMAGE = torch.zeros(1, 3, 32, 32)


@pytest.fixture(scope="module")
def found():
    return swann.summary(swann.convert(densenet40(), IMAGE, 0.92))


def test_weights_are_those_of_table_4(found):
    """Table IV: 910K and 98K, which are the 3×3 convolutions alone."""
    others = 168**2 + 312**2 + 4560
    assert found.dense_weights == 910_440 + others
    assert found.before.weights == found.after.weights == 97_848 + others
    assert found.dense_weights == sum(p.numel() for p in densenet40().parameters() if p.ndim > 1)


def test_multiplications_are_those_that_torch_counts(found):
    """Table IV says 285.3M and 85.5M: 0.8 and 2.9 % more than there are, and the same difference."""
    with FlopCounterMode(display=False) as counter:
        densenet40().eval()(IMAGE)
    assert 2 * found.dense_macs == counter.get_total_flops()
    assert (found.dense_macs, found.after.macs) == (282_917_328, 83_105_232)
    assert found.dense_macs - found.after.macs == pytest.approx(285.3e6 - 85.5e6, abs=0.1e6)
    assert found.executed.macs == found.dense_macs  # at this p, each layer of a block has edges from all before it


def test_the_parts_add_up(found):
    names = [part.name for part in found.parts]
    assert names == ["0", "dense block 1", "15", "dense block 2", "31", "dense block 3", "49"]
    for side in ("before", "after", "executed"):
        assert Counts.total(getattr(part, side) for part in found.parts) == getattr(found, side)
    assert [part.block for part in found.parts[::2]] == [None] * 4
    assert [block.before.weights for block in found.blocks] == [16_848, 32_400, 47_952]
    for block in found.blocks:
        assert block.small_worldness_before.S == 0
        assert block.small_worldness_after.S > 1


def test_it_prints_and_goes_to_json(found):
    text = str(found)
    assert max(map(len, text.splitlines())) < 80
    assert "weights                 1,040,568        227,976        227,976      1,040,568" in text
    assert f"dense block 1     0.92   0.00   {found.blocks[0].small_worldness_after.S:.2f}     117k  16.8k" in text
    value = json.loads(json.dumps(found.to_json()))
    assert value["dense_macs"] == found.dense_macs
    assert value["after"]["weights"] == found.after.weights
    assert value["probabilities"] == [0.92] * 3
    assert value["parts"][1]["block"]["small_worldness_after"]["S"] == found.blocks[0].small_worldness_after.S
    assert value["parts"][0]["block"] is None
