"""Training steps of small networks, which the tests of this folder share."""

import copy

import torch
from networks import plan_of
from torch import nn

from swann.nn import build

OPERATIONS = {
    "images": (
        lambda: nn.Sequential(
            *(nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(3, 2, 1, ceil_mode=True)),
            *(nn.Conv2d(6, 8, 3, padding=2, dilation=2, groups=2), nn.ReLU(), nn.Identity(), nn.BatchNorm2d(8)),
            *(nn.Conv2d(8, 6, (3, 1), padding="same", bias=False), nn.MaxPool2d(2), nn.ReLU()),
            *(nn.BatchNorm2d(6, affine=False), nn.Dropout(0.0)),
            *(nn.Conv2d(6, 7, 2, 2), nn.AdaptiveAvgPool2d((None, 1)), nn.BatchNorm2d(7, track_running_stats=False)),
            *(nn.Flatten(), nn.ReLU(), nn.Linear(14, 9, bias=False), nn.ReLU(), nn.Linear(9, 4)),
        ),
        (2, 19, 8),
    ),
    "signals": (
        lambda: nn.Sequential(
            *(nn.Conv1d(2, 5, 3, stride=2, padding=1), nn.MaxPool1d(3, 1, 1), nn.BatchNorm1d(5), nn.ReLU()),
            *(nn.Conv1d(5, 6, 3, bias=False), nn.ReLU(), nn.AdaptiveAvgPool1d(3), nn.ReLU(), nn.MaxPool1d(2)),
            *(nn.Flatten(), nn.Linear(6, 7), nn.Linear(7, 3), nn.ReLU()),
        ),
        (2, 15),
    ),
    "volumes": (
        lambda: nn.Sequential(
            *(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.BatchNorm3d(4, momentum=0.3, eps=0.1)),
            *(nn.Conv3d(4, 5, 2, stride=2), nn.ReLU(), nn.Conv3d(5, 3, 1), nn.BatchNorm3d(3)),
        ),
        (1, 4, 5, 4),
    ),
    "neurons": (
        lambda: nn.Sequential(
            *(nn.Linear(6, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 7), nn.ReLU()),
            *(nn.BatchNorm1d(7), nn.Linear(7, 5), nn.BatchNorm1d(5)),
        ),
        (6,),
    ),
}
"""Networks with each operation that compiled code knows, and the shape of their inputs."""


def of(model, shape, p=0.7, dtype=torch.float64, order="keep"):
    """Return a network of PyTorch as a small world twice: masked, and sparse."""
    torch.manual_seed(0)
    masked = build(plan_of(model, torch.zeros(1, *shape), p, order=order)).to(dtype).use_backend("masked")
    for name, parameter in masked.named_parameters():
        if ".stages." in name:  # norms begin with ones and zeros, which hide mistakes
            nn.init.normal_(parameter, 0.5)
    return masked, copy.deepcopy(masked).use_backend("sparse")


def pair(name="images", p=0.7, dtype=torch.float64):
    make, shape = OPERATIONS[name]
    return of(make(), shape, p, dtype)


def inputs_of(network, batch=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    dtype = next(network.parameters()).dtype
    return torch.randn(batch, *network.plan.chain.input_shape, generator=generator, dtype=torch.float64).to(dtype)


def weighed(output):
    """Return a number whose gradient differs for each element of the output."""
    return (output * torch.linspace(-1, 1.5, output.numel(), dtype=output.dtype).view_as(output)).sum()


def step(network, inputs, of_inputs=True):
    """Return by name what a training step leaves: output, gradients, and buffers."""
    source = inputs.clone().requires_grad_(of_inputs)
    output = network(source)
    weighed(output).backward()
    return {"output": output.detach(), "inputs": source.grad} | left(network)


def left(network):
    """Return by name the gradients and the statistics of a network."""
    gradients = {name: parameter.grad for name, parameter in network.named_parameters()}
    return gradients | {name: value for name, value in network.named_buffers() if "stages" in name}


def assert_same(found, expected, precision=1e-9):
    """Compare with the largest value of each tensor as the measure; what is None must be so on both sides."""
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value is None:
            assert found[name] is None, name
        else:
            scale = max(1.0, value.nan_to_num(0, 0, 0).abs().max().item())
            message = f"{name}: {{}}".format
            torch.testing.assert_close(
                found[name], value, rtol=precision, atol=precision * scale, equal_nan=True, msg=message
            )


def is_native(network):
    """Return whether the last kind of step that a network met is one of compiled code."""
    return bool(network.block_scripts) and list(network.block_scripts.values())[-1] is not None
