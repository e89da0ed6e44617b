import pytest
import torch
from torch import nn

from swann import FileFormatError
from swann.trace import KINDS, Stage, create_module
from swann.trace._operations import describe_module

NEEDED = {
    **{f"BatchNorm{n}d": (3,) for n in (1, 2, 3)},
    **{f"InstanceNorm{n}d": (3,) for n in (1, 2, 3)},
    **{f"AdaptiveAvgPool{n}d": (2,) for n in (1, 2, 3)},
    **{f"AdaptiveMaxPool{n}d": (2,) for n in (1, 2, 3)},
    **{f"AvgPool{n}d": (2,) for n in (1, 2, 3)},
    **{f"MaxPool{n}d": (2,) for n in (1, 2, 3)},
    **{f"LPPool{n}d": (2, 2) for n in (1, 2, 3)},
    **{f"ConstantPad{n}d": (1, 0.5) for n in (1, 2, 3)},
    **{f"{kind}Pad{n}d": (1,) for n in (1, 2, 3) for kind in ("Reflection", "Replication", "Zero")},
    "GroupNorm": (1, 3),
    "LayerNorm": ((3, 4),),
    "LocalResponseNorm": (5,),
    "Threshold": (0.1, 20),
    "Softmax": (1,),
    "LogSoftmax": (1,),
}


@pytest.mark.parametrize("operation", sorted(KINDS))
def test_every_known_module_is_described_and_made_again(operation):
    module = getattr(nn, operation)(*NEEDED.get(operation, ()))
    stage = describe_module(module, "here")
    assert stage.operation == operation
    assert repr(create_module(stage)) == repr(module)


def test_arguments_that_differ_from_the_defaults_are_kept():
    assert create_module(describe_module(nn.LayerNorm(3, bias=False), "")).bias is None
    assert create_module(describe_module(nn.BatchNorm2d(3, eps=0.1, affine=False), "")).eps == 0.1
    assert create_module(describe_module(nn.MaxPool2d(3, 2, ceil_mode=True), "")).ceil_mode
    assert not create_module(describe_module(nn.ReLU(inplace=True), "")).inplace


def test_subclasses_are_not_taken_for_what_they_derive_from():
    class ReLU(nn.ReLU):
        def forward(self, x):
            return torch.sin(x)

    assert describe_module(ReLU(), "") is None


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        (Stage("a", "Conv2d", {}), "stage 'a' asks for 'Conv2d', which is not an operation we know"),
        (Stage("a", "__import__", {}), "not an operation we know"),
        (Stage("a", "MaxPool2d", {"size": 2}), r"stage 'a' \(MaxPool2d\) has wrong arguments"),
    ],
)
def test_stages_that_are_not_ours_are_refused(stage, message):
    with pytest.raises(FileFormatError, match=message):
        create_module(stage)
