import pytest
import torch
from torch import nn

from swann import TraceError
from swann.trace import trace_parts


class Layer(nn.Module):
    def __init__(self, *modules):
        super().__init__()
        self.modules_ = nn.Sequential(*modules)

    def forward(self, x):
        return torch.cat((x, self.modules_(x)), 1)


def parts_of(*layers, shape=(2, 5, 5)):
    return trace_parts(nn.Sequential(*(Layer(*modules) for modules in layers)), torch.zeros(1, *shape))


def conv(n_inputs, n_outputs=3):
    return nn.Conv2d(n_inputs, n_outputs, 3, padding=1)


def test_operations_before_a_convolution_follow_the_layer_before_on_its_channels():
    (chain,) = parts_of(
        (nn.BatchNorm2d(2), nn.ReLU(), conv(2)),
        (nn.BatchNorm2d(5, eps=0.1), nn.Tanh(), nn.Dropout(0.2), conv(5, 4)),
        (nn.InstanceNorm2d(9, affine=True), nn.GELU(), conv(9)),
    )
    assert chain.dense
    assert chain.sizes == (2, 3, 4, 3)
    assert [str(stage) for stage in chain.input_stages] == ["BatchNorm2d", "ReLU"]
    first, second, third = chain.layers
    assert [(str(stage), stage.arguments.get("num_features")) for stage in first.stages] == [
        ("BatchNorm2d", 3),
        ("Tanh", None),
    ]
    assert first.stages[0].arguments["eps"] == 0.1
    assert [stage.arguments["p"] for stage in second.dropouts] == [0.2]
    assert [stage.arguments.get("num_features") for stage in second.stages] == [4, None]
    assert [(str(stage), stage.arguments.get("num_features")) for stage in third.stages] == [
        ("InstanceNorm2d", 3),
        ("GELU", None),
    ]
    assert chain.output_shape == (12, 5, 5)


def test_operations_after_a_convolution_stay_there():
    (chain,) = parts_of((conv(2), nn.BatchNorm2d(3), nn.ReLU()), (conv(5), nn.BatchNorm2d(3), nn.ReLU()))
    assert chain.input_stages == ()
    for layer in chain.layers:
        assert [str(stage) for stage in layer.stages] == ["BatchNorm2d", "ReLU"]


def test_dense_blocks_of_neurons():
    (chain,) = parts_of((nn.Linear(4, 2),), (nn.ReLU(), nn.Linear(6, 3)), shape=(4,))
    assert (chain.sizes, chain.output_shape) == ((4, 2, 3), (9,))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (((conv(2),), (nn.GroupNorm(1, 5), conv(5))), "GroupNorm '1.modules_.0' of a dense block works on channels of"),
        (((conv(2),), (nn.PReLU(5), conv(5))), "PReLU '1.modules_.0' of a dense block works on channels of several"),
        (
            ((conv(2),), (nn.MaxPool2d(3, 1, 1), conv(5))),
            r"module '1.modules_.0' \(MaxPool2d\) stands in a dense block",
        ),
        (((conv(2), nn.Dropout(0.2)), (conv(5),)), "dropout '0.modules_.1' follows a convolution of a dense block"),
    ],
)
def test_what_cannot_follow_one_layer_is_refused(layers, message):
    with pytest.raises(TraceError, match=message):
        parts_of(*layers)
