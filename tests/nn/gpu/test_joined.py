import copy

import pytest
import torch
from networks import IMAGES, image_network, plan_of, twin
from torch import nn

from swann.nn import build


def test_links_with_equal_geometry_are_one_convolution():
    """At p = 0 each layer has one link; here the input and three layers of one size flow into the last one."""
    model = nn.Sequential(*(part for _ in range(4) for part in (nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())))
    network = build(plan_of(model, torch.zeros(1, 4, 6, 6), 0.8)).use_backend("joined")
    last = network.each_layer()[-1]
    assert len(last.sources) == 4 == len(last.joined[0].positions) // len(last.joined)
    assert last.joined[0].n_sources == 16
    n_edges = sum(len(link.weight) for _, link in last.each_link())
    assert last.joined[0].index == (0, n_edges)
    assert len(last.joined_index) == n_edges


def test_full_links_are_joined_without_an_index():
    network = build(plan_of(image_network(), IMAGES, 0.0)).use_backend("joined")
    assert all(group.index == (0, 0) for layer in network.each_layer()[2:] for group in layer.joined)
    torch.testing.assert_close(network.eval()(IMAGES), copy.deepcopy(network).use_backend("masked")(IMAGES))


@pytest.mark.parametrize("p", [0.0, 0.6, 1.0])
def test_a_joined_network_computes_what_a_masked_one_does(p):
    network = twin(p).double().eval()
    images, results = IMAGES.double().requires_grad_(), []
    for backend in ("masked", "joined"):
        output = network.use_backend(backend)(images)
        operands = [images, *network.parameters()]
        results.append((output, *torch.autograd.grad(output.square().sum(), operands, allow_unused=True)))
    for expected, found in zip(*results, strict=True):
        if expected is not None:
            torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_compiled_it_computes_the_same():
    model = nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Conv2d(4, 3, 3))
    network = build(plan_of(model, IMAGES, 0.5)).use_backend("joined").eval()
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(IMAGES), network(IMAGES))


def test_it_runs_on_any_device():
    assert twin().use_backend("joined").to("meta")(IMAGES.to("meta")).device.type == "meta"
