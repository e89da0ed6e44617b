import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from swann import TraceError, trace, trace_parts
from swann.models import densenet40

IMAGE = torch.zeros(1, 1, 8, 8)


class Functional(nn.Module):
    """The usual example network, most of it by functions."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 4, 3, padding="same")
        self.conv2 = nn.Conv2d(4, 8, 3)
        self.fc1 = nn.Linear(8, 16)
        self.fc2 = nn.Linear(16, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.dropout(F.avg_pool2d(torch.tanh(self.conv2(x)), 2), 0.25, training=self.training)
        x = x.view(x.size(0), -1)
        return F.log_softmax(self.fc2(self.fc1(x).relu()), dim=1)


class Residual(nn.Module):
    """A block with an identity shortcut and one with a 1×1 convolution."""

    def __init__(self, add=torch.add):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.conv1 = nn.Conv2d(4, 4, 3, padding=1)
        self.conv2 = nn.Conv2d(4, 4, 3, padding=1)
        self.conv3 = nn.Conv2d(4, 8, 3, 2, padding=1)
        self.conv4 = nn.Conv2d(8, 8, 3, padding=1)
        self.down = nn.Sequential(nn.Conv2d(4, 8, 1, 2), nn.BatchNorm2d(8))
        self.head = nn.Linear(8, 10)
        self.add = add

    def forward(self, x):
        x = self.stem(x).relu()
        x = F.relu(self.add(self.conv2(F.relu(self.conv1(x))), x))
        out = self.conv4(F.relu(self.conv3(x)))
        out += self.down(x)
        return self.head(out.mean((2, 3)))


def described(model, example=IMAGE):
    return str(trace(model, example)).splitlines()


def test_functions_and_modules_are_one():
    assert described(Functional()) == [
        "input: 1×8×8",
        "conv1: 3×3 conv 1 → 4 → ReLU → MaxPool2d",
        "conv2: 3×3 conv 4 → 8 → Tanh → AvgPool2d → Flatten",
        "fc1: Dropout → linear on 1×1 maps 8 → 16 → ReLU",
        "fc2: linear 16 → 10 → LogSoftmax",
    ]


def test_padding_is_kept_on_both_sides():
    model = nn.Sequential(nn.Conv2d(1, 2, (3, 4), padding="same"), nn.Conv2d(2, 2, 3, padding="valid"))
    first, second = trace(model, IMAGE).layers
    assert first.padding == ((1, 1), (1, 2))
    assert second.padding == ((0, 0), (0, 0))
    assert first.size == (8, 8)
    assert second.size == (6, 6)


def test_shortcuts_are_left_out_with_their_modules():
    chain = trace(Residual(), IMAGE)
    assert [layer.name for layer in chain.layers] == ["stem", "conv1", "conv2", "conv3", "conv4", "head"]
    assert chain.shortcuts == ("add", "add_1")
    assert chain.removed == ("down.0", "down.1")
    assert chain.removed_weights == Residual().down[0].weight.numel()
    assert str(chain).splitlines()[-2:] == [
        "left out, as in the paper: 2 shortcuts, added in add, add_1",
        f"removed with the shortcuts: down.0, down.1 ({chain.removed_weights} weights, which no twin has)",
    ]
    assert [stage.operation for stage in chain.layers[2].stages] == ["ReLU"]
    assert [stage.operation for stage in chain.layers[4].stages] == ["AdaptiveAvgPool2d", "Flatten"]


@pytest.mark.parametrize(
    ("model", "example", "sizes"),
    [
        (nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(18, 4)), torch.zeros(3, 2, 8), (2, 3, 4)),
        (nn.Sequential(nn.Conv3d(1, 2, 3), nn.Flatten(), nn.Linear(16, 4)), torch.zeros(1, 1, 4, 4, 4), (1, 2, 4)),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 5), nn.ReLU(), nn.Linear(5, 4)), IMAGE, (64, 5, 4)),
        (nn.Sequential(nn.BatchNorm1d(7), nn.Linear(7, 5), nn.Linear(5, 4)), torch.zeros(1, 7), (7, 5, 4)),
    ],
)
def test_every_dimension_of_convolution_and_plain_perceptrons(model, example, sizes):
    assert trace(model, example).sizes == sizes


@pytest.mark.parametrize(
    ("name", "size", "n_layers", "n_removed"),
    [("alexnet", 224, 8, 0), ("vgg11_bn", 64, 11, 0), ("resnet18", 64, 18, 6)],
)
def test_torchvision_models_as_they_come(name, size, n_layers, n_removed):
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        model = torchvision.models.get_model(name, weights=None)
    chain = trace(model.to_empty(device="cpu"), torch.zeros(1, 3, size, size))
    assert len(chain.layers) == n_layers
    assert len(chain.removed) == n_removed
    removed = sum(model.get_submodule(module).weight.numel() for module in chain.removed if module.endswith("0"))
    weights = sum(m.weight.numel() for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear)))
    assert chain.n_weights() == weights - removed
    assert chain.removed_weights == removed
    assert len(chain.shortcuts) == (8 if name == "resnet18" else 0)


class Gate(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.conv1, self.conv2, self.function = nn.Conv2d(1, 4, 1), nn.Conv2d(4, 4, 1), function

    def forward(self, x):
        return self.function(self, self.conv1(x))


REFUSED = [
    (lambda net, x: torch.cat([x, net.conv2(x)], 1), r"operation 'cat' \(cat\) joins the maps of fewer than two"),
    (lambda net, x: x * net.conv2(x), r"operation 'mul' \(mul\) reads 2 tensors"),
    (lambda net, x: net.conv2(x.transpose(2, 3)), r"operation 'transpose' \(transpose\) is not an operation"),
    (lambda net, x: net.conv2(torch.sin(x)), r"operation 'sin' \(sin\) is not an operation that can stand in a chain"),
    (lambda net, x: net.conv2(x * 2), "is not an operation that can stand in a chain"),
    (lambda net, x: net.conv2(net.conv2(x)), "module 'conv2' is used more than once with the same weights"),
    (lambda net, x: net.conv2(x) if x.sum() > 0 else x, "is not a fixed sequence of operations"),
    (lambda net, x: (net.conv2(x), x), "returns a tuple; only networks that return one tensor"),
    (lambda net, x: net.conv2(x) + net.conv2.weight.sum(), "put weights into nn.Conv or nn.Linear modules"),
    (lambda net, x: F.conv2d(x, net.conv2.weight), "put weights into nn.Conv or nn.Linear modules"),
    (lambda _, x: x.relu(), "fewer than two convolution or linear layers"),
    (lambda net, x: net.conv2(x).flatten(2), r"turns \(4, 8, 8\) into \(4, 64\); only flattening to features"),
    (lambda net, x: net.conv2(x).mean(1), "only a mean over all spatial dimensions is understood"),
    (lambda net, x: F.dropout(net.conv2(x)), "dropout 'dropout' follows the last layer 'conv2'"),
    (lambda net, x: net.conv2(torch.relu(x) + torch.tanh(x)), "so neither is a shortcut"),
]


@pytest.mark.parametrize(("function", "message"), REFUSED)
def test_what_is_no_chain_is_refused_by_name(function, message):
    with pytest.raises(TraceError, match=message):
        trace(Gate(function), IMAGE)


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.ConvTranspose2d(4, 4, 3), r"module '1' \(ConvTranspose2d\) is not an operation"),
        (nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3)), "computes its weight from other parameters"),
        (type("Odd", (nn.Conv2d,), {})(4, 4, 3), r"operation 'conv2d' \(conv2d\) reads 3 tensors"),
        (
            nn.Sequential(
                nn.Flatten(), nn.modules.linear.NonDynamicallyQuantizableLinear(256, 8), nn.Unflatten(1, (4, 2, 1))
            ),
            "module '1.1' is a NonDynamicallyQuantizableLinear, a subclass of a layer",
        ),
        (nn.Linear(8, 8), r"linear layer '1' returns \(4, 8, 8\) for one input; it must read flat features"),
    ],
)
def test_modules_that_are_not_understood_are_named(module, message):
    with pytest.raises(TraceError, match=message):
        trace(nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), module, nn.Conv2d(4, 4, 1)), IMAGE)


@pytest.mark.parametrize("n_dims", [1, 2, 3])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_example_without_a_batch_is_refused(n_dims, channels):
    """PyTorch's convolutions read single samples, too: as many channels as the batch of the trace would pass."""
    convolution, norm = getattr(nn, f"Conv{n_dims}d"), getattr(nn, f"BatchNorm{n_dims}d")
    example = torch.zeros(channels, *(6,) * n_dims)
    layers = [convolution(channels, 3, 3), nn.ReLU(), convolution(3, 2, 3)]
    models = [nn.Sequential(*layers)]
    if n_dims > 1:  # a norm of one dimension reads features as well
        models.append(nn.Sequential(norm(channels), *layers))
    for model in models:
        with pytest.raises(TraceError, match=r"must have a batch first, .* use example_inputs\[None\]"):
            trace(model, example)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Linear(8, 8), "the model is a single Linear; there is nothing to rewire"),
        (lambda x: x, "the model must be a torch.nn.Module, got function$"),
        (nn.ReLU, r"the model must be a torch.nn.Module, got type; make one: ReLU\(…\)"),
        (None, "the model must be a torch.nn.Module, got NoneType$"),
        (
            nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.ConvTranspose2d(4, 4, 3)),
            r"module '2' \(ConvTranspose2d\) is not an operation .* convolutions \(not transposed ones\)",
        ),
    ],
)
def test_what_is_no_network_of_layers_is_refused(model, message):
    with pytest.raises(TraceError, match=message):
        trace(model, IMAGE)


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (
            torch.zeros(1, 8, 8),
            r"a batch first, .*; got \[1, 8, 8\] for module 'conv1' \(Conv2d\): use example_inputs\[None\]",
        ),
        (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), r"of a floating-point type, got torch.uint8; use .float\(\)"),
        (torch.zeros(1, 3, 8, 8), r"does not run on the example inputs: conv1 fails on \(2, 3, 8, 8\)"),
        (torch.zeros(8), r"no empty dimension, got shape \(8,\)"),
        (torch.zeros(0, 1, 8, 8), "no empty dimension"),
        ([1, 2], "must be one tensor with a batch first, got list"),
    ],
)
def test_example_inputs_of_the_wrong_shape_are_refused(example, message):
    with pytest.raises(TraceError, match=message):
        trace(Functional(), example)


def state_of(model):
    return (
        copy.deepcopy(model.state_dict()),
        [module.training for module in model.modules()],
        torch.random.get_rng_state(),
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_the_model_its_mode_and_the_random_state_stay_untouched(training, fails):
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Dropout(), nn.Flatten(), nn.Linear(144, 3), *[nn.LSTM(3, 3)] * fails
    ).train(training)
    model[1].eval()
    state, modes, random = state_of(model)
    if fails:
        with pytest.raises(TraceError):
            trace(model, IMAGE)
    else:
        trace(model, IMAGE)
    after, modes_after, random_after = state_of(model)
    assert all(torch.equal(state[name], after[name]) for name in state)
    assert modes == modes_after
    assert torch.equal(random, random_after)


def test_the_parts_of_a_network_with_dense_blocks():
    model = densenet40(width=0.25, in_channels=1, image_size=8)
    parts = trace_parts(model, torch.zeros(1, 1, 8, 8))
    assert [part.dense for part in parts] == [False, True, False, True, False, True, False]
    assert [part.sizes for part in parts[:3]] == [(1, 6), (6, *[3] * 12), (42, 42)]
    assert [part.input_shape for part in parts[1:]] == [part.output_shape for part in parts[:-1]]
    assert parts[-1].output_shape == (10,)


def test_a_chain_is_one_part():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 3, 3))
    assert trace_parts(model, IMAGE) == (trace(model, IMAGE),)


def test_a_network_with_dense_blocks_is_no_single_chain():
    with pytest.raises(TraceError, match="Sequential is no single chain: it has 3 dense blocks.*swann.trace_parts"):
        trace(densenet40(width=0.25, in_channels=1, image_size=8), IMAGE)


def test_without_a_layer_between_dense_blocks_there_is_no_transition():
    model = densenet40(width=0.1, in_channels=1)
    with pytest.raises(
        TraceError, match="module '12' stands between dense blocks, or at an end.*without a convolution"
    ):
        trace_parts(nn.Sequential(*model[1:13], nn.ReLU()), torch.zeros(1, 2, 8, 8))


def test_a_layer_used_in_two_parts_is_refused():
    model = densenet40(width=0.25, in_channels=1)
    transition = nn.Sequential(nn.Conv2d(42, 6, 1), *model[1:13], nn.Conv2d(42, 6, 1))
    with pytest.raises(TraceError, match="module '1.norm' is used more than once"):
        trace_parts(nn.Sequential(model[0], *model[1:13], transition[0], *model[1:13], transition[-1]), IMAGE)
