import math

import pytest
import torch
from networks import plan_of, twin
from torch import nn

from swann.convert import plan_parts
from swann.models import densenet40
from swann.nn import build
from swann.nn._initialise import fan_ins, gain
from swann.trace import trace, trace_parts


def deep_network(activation):
    modules = [nn.Conv2d(16, 64, 3, padding=1), activation()]
    for _ in range(18):
        modules += [nn.Conv2d(64, 64, 3, padding=1), activation()]
    return nn.Sequential(*modules, nn.Flatten(), nn.Linear(64 * 64, 64))


@pytest.mark.parametrize("p", [0.0, 0.3, 0.85, 1.0])
@pytest.mark.parametrize("repair", [True, False])
def test_twenty_layers_neither_vanish_nor_explode(p, repair):
    images = torch.randn(16, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    network = build(plan_of(deep_network(nn.ReLU), images, p, repair=repair)).use_backend("masked")
    maps = [images]
    for layer in network.each_layer():
        layer.register_forward_hook(lambda _, __, output: maps.append(output))
    with torch.no_grad():
        network(images)
    scales = [each.square().mean().sqrt().item() for each in maps[1:] if each.abs().sum() > 0]
    assert len(scales) >= 19
    assert min(scales) > 0.2
    assert max(scales) < 5


def test_variance_follows_the_true_in_degree():
    """Of two nodes, one has three times as many inputs; its weights have a third of the variance."""
    model = nn.Sequential(nn.Linear(3000, 2), nn.ReLU(), nn.Linear(2, 2))
    network = build(plan_of(model, torch.ones(1, 3000), 0.5))
    layer = network.each_layer()[1]
    fan_in = fan_ins(layer)
    assert fan_in.sum() == sum(link.weight.numel() for _, link in layer.each_link())
    weights = torch.cat([link.dense_weight() for _, link in layer.each_link()], 1)
    for node in range(2):
        values = weights[node][weights[node] != 0]
        assert values.var().item() == pytest.approx(1 / fan_in[node].item(), rel=0.15)


def test_biases_are_zero_and_the_seed_decides():
    network, again, other = twin(), twin(), build(twin().plan, seed=1)
    assert all(not layer.bias.any() for layer in network.each_layer() if layer.bias is not None)
    assert all(map(torch.equal, network.parameters(), again.parameters()))
    assert not all(map(torch.equal, network.parameters(), other.parameters()))


def test_the_global_random_state_is_untouched():
    plan = twin().plan
    before = torch.random.get_rng_state()
    build(plan)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize(
    "activation",
    [nn.ReLU(), nn.LeakyReLU(0.3), nn.Tanh(), nn.SELU(), nn.Sigmoid(), nn.Identity()],
    ids=lambda module: type(module).__name__,
)
def test_gains_are_those_of_torch(activation):
    layer = trace(nn.Sequential(nn.Linear(2, 2), activation, nn.Linear(2, 2)), torch.ones(1, 2)).layers[0]
    names = {"LeakyReLU": "leaky_relu", "Identity": "linear"}
    name = type(activation).__name__
    expected = nn.init.calculate_gain(names.get(name, name.lower()), 0.3 if name == "LeakyReLU" else None)
    assert gain(layer) == pytest.approx(expected)
    assert math.isfinite(expected)


def test_the_activation_after_a_layer_may_stand_in_the_next_part():
    """A DenseNet norms and activates before each convolution: all weights have the gain of a ReLU but the last."""
    parts = trace_parts(densenet40(width=0.5), torch.zeros(1, 3, 8, 8))
    network = build(plan_parts(parts, 0.9))
    gains = [math.sqrt(2)] * 6 + [1.0]
    for part, expected in zip(network.each_part(), gains, strict=True):
        for layer in part.each_layer():
            weights = torch.cat([link.dense_weight().flatten(1) for _, link in layer.each_link()], 1)
            scaled = weights * fan_ins(layer).sqrt()[:, None]
            assert scaled[weights != 0].std().item() == pytest.approx(expected, rel=0.2)
