import json

import pytest
from dense_nets import dense_twin

from swann import FileFormatError
from swann.nn import DenseNetPlan


@pytest.fixture
def plan():
    return dense_twin((0.5, 0.9)).plan


def test_json_gives_the_plan_back(plan):
    again = DenseNetPlan.from_json(json.loads(json.dumps(plan.to_json())))
    assert again == plan
    assert again.fingerprint() == plan.fingerprint() != dense_twin((0.5, 0.8)).plan.fingerprint()


def test_blocks_weights_and_text(plan):
    assert [block.rewiring.rewiring_probability for block in plan.blocks] == [0.5, 0.9]
    assert plan.input_shape == (2, 6, 7)
    blocks = [9 * (n_inputs * 3 + 3 * 9) for n_inputs in (4, 16)]
    assert plan.n_weights() == 2 * 4 * 9 + 16 * 16 + 28 * 5 + sum(blocks)
    assert str(plan).startswith("input: 2×6×7\n0: 3×3 conv 2 → 4\n\ndense block 1: LayerGraph(4-3-3-3-3: 16 nodes")
    assert "dense block 2: LayerGraph(16-3-3-3-3" in str(plan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value.pop("parts"), "not a plan of a DenseNet: it has no parts"),
        (lambda value: value["parts"].pop(1), r"part 2 reads \(16, 6, 7\); expected \(4, 6, 7\)"),
        (lambda value: value.update(parts=value["parts"][:1]), "the plan has no dense block"),
        (lambda value: value["parts"][0].update(version=99), "the plan is of version 99"),
        (lambda value: value["parts"][1]["chain"].update(dense=1), "chain: dense cannot be 1"),
    ],
)
def test_changed_json_is_refused(plan, change, message):
    value = json.loads(json.dumps(plan.to_json()))
    change(value)
    with pytest.raises(FileFormatError, match=message):
        DenseNetPlan.from_json(value)
