import torch

from swann.convert import plan_parts
from swann.experiments import recipe_notes
from swann.models import densenet40, mnist5
from swann.trace import trace_parts


def test_a_densenet_counts_all_its_connections_and_its_twin_those_that_exist():
    parts = trace_parts(densenet40(), torch.zeros(1, 3, 32, 32))
    costs, controls = recipe_notes(plan_parts(parts, 0.92)).splitlines()
    # 1,040,568 and 282.9 M of the DenseNet; in its twin 3×3 convolutions have 97,848 weights in the place of 910,440
    assert costs == (
        "- Weights of convolutions and linear layers: 1,040,568 of the baseline's layers, 227,976 of the twin; "
        "multiplications for an image: 282.9 million and 83.1 million."
    )
    assert controls.startswith("- The paper's order of operations with nothing rewired tells ")


def test_a_chain_has_as_many_weights_as_its_twin():
    parts = trace_parts(mnist5(), torch.zeros(1, 1, 28, 28))
    assert "142,110 of the baseline's layers, 142,110 of the twin" in recipe_notes(plan_parts(parts, 0.5))
