import pytest
import torch

from swann.nn._precision import summed_as


@pytest.mark.parametrize(
    ("kind", "alone", "lowered"),
    [
        (torch.float32, (torch.float32, False), (torch.bfloat16, True)),
        (torch.float64, (torch.float64, False), (torch.float64, False)),
        (torch.bfloat16, (torch.bfloat16, True), (torch.bfloat16, True)),
        (torch.float16, (torch.float16, True), (torch.bfloat16, True)),
    ],
)
def test_autocast_lowers_all_but_double_precision(kind, alone, lowered):
    assert summed_as(kind) == alone
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert summed_as(kind) == lowered
