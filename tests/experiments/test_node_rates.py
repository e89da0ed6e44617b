import math

import torch
import torch.nn.functional as F
from torch import nn

import swann
from swann.experiments._node_rates import scale_decay_, scale_gradients_
from swann.nn import fan_ins

MODEL = nn.Sequential(
    *(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()),
    *(nn.Flatten(), nn.Linear(8 * 16, 12), nn.ReLU(), nn.Linear(12, 5)),
)
IMAGES = torch.randn(10, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def make():
    return swann.convert(MODEL, IMAGES[:1], p=0.6, seed=1)


def step(network, learning_rate, **settings):
    """Train for two steps, so that momentum counts too."""
    optimizer = torch.optim.SGD(network.parameters(), learning_rate, momentum=0.9, nesterov=True, **settings)
    for _ in range(2):
        optimizer.zero_grad()
        F.cross_entropy(network(IMAGES), torch.zeros(10, dtype=torch.int64)).backward()
        optimizer.step()


def by_node(network, exponent):
    """Yield each link's weight and the factor of each of its edges."""
    for layer, spec in zip(network.each_layer(), network.plan.chain.layers, strict=True):
        dense = spec.n_inputs * math.prod(spec.kernel)
        for _, link in layer.each_link():
            factors = (dense / fan_ins(layer)[link.mask.nonzero()[:, 0]]) ** exponent
            yield link.weight, factors.view(-1, *(1,) * len(link.kernel))


def test_gradients_are_those_of_another_learning_rate_for_each_node():
    plain, scaled = make(), make()
    scale_gradients_(scaled, 0.5)
    for network in (plain, scaled):
        F.cross_entropy(network(IMAGES), torch.zeros(10, dtype=torch.int64)).backward()
    seen = set()
    for (weight, factors), (same, _) in zip(by_node(plain, 0.5), by_node(scaled, 0.5), strict=True):
        seen |= set(factors.flatten().tolist())
        torch.testing.assert_close(same.grad, weight.grad * factors)
    assert len(seen) > 3


def test_a_weight_is_trained_with_the_decay_of_its_node():
    """The optimizer's step is that of SGD with f times the decay, where f is the factor of the node."""
    scaled = make()
    scale_decay_(scaled, 1.0, 0.02)
    plain = make()
    for network in (plain, scaled):
        F.cross_entropy(network(IMAGES), torch.zeros(10, dtype=torch.int64)).backward()
    expected = [
        weight.detach() - 0.1 * (weight.grad + 0.02 * factors * weight.detach())
        for weight, factors in by_node(plain, 1.0)
    ]
    torch.optim.SGD(scaled.parameters(), 0.1, weight_decay=0.02).step()
    for (weight, _), value in zip(by_node(scaled, 1.0), expected, strict=True):
        torch.testing.assert_close(weight.detach(), value)


def test_without_an_exponent_nothing_changes():
    plain, same = make(), make()
    scale_gradients_(same, 0.0)
    scale_decay_(same, 0.0, 0.02)
    for network in (plain, same):
        step(network, 0.1, weight_decay=0.02)
    for (weight, _), (other, _) in zip(by_node(plain, 0.0), by_node(same, 0.0), strict=True):
        assert torch.equal(weight, other)
