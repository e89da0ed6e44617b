from dataclasses import replace

import torch
from torch import nn

from swann.experiments._discovered_wiring import DiscoveredWiring
from swann.graph import LayerGraph
from swann.nn import Plan, build
from swann.smallworld import rewire
from swann.trace import trace

MODEL = nn.Sequential(
    *(nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(4, 6, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 16, 5), nn.ReLU(), nn.Linear(5, 3)),
)


def make():
    return DiscoveredWiring(trace(MODEL, torch.zeros(1, 2, 8, 8)), order="paper", seed=1)


def test_as_many_edges_leave_each_layer_as_in_the_chain_and_they_are_the_largest():
    network = make()
    for source, expected in enumerate([2 * 4, 4 * 6, 6 * 5, 5 * 3]):
        used, weight = network.used(source), network.weights[source]
        sizes = weight.detach().abs().flatten(2).mean(2) if weight.ndim > 2 else weight.detach().abs()
        assert used.sum() == expected
        assert not (~used).any() or sizes[used].min() >= sizes[~used].max()


def test_it_computes_the_small_world_network_of_the_edges_used():
    """Its weights in a small-world network with the same graph give the same outputs."""
    network = make()
    chain = network.chain
    rewiring = rewire(chain.graph(), 0.0)
    rows = tuple(network.used(source).T.numpy().copy() for source in range(4))
    graph = LayerGraph(chain.sizes, rows)
    plan = object.__new__(Plan)  # unlike a plan's, nodes may leave edges to others of their layer
    for name, value in (("chain", chain), ("rewiring", replace(rewiring, graph=graph)), ("order", "paper")):
        object.__setattr__(plan, name, value)
    twin = build(plan)
    with torch.no_grad():
        for number, layer in enumerate(twin.each_layer(), 1):
            for source, link in layer.each_link():
                dense = network.weights[source].split(network.splits[source])[number - source - 1]
                link.weight.copy_(dense[link.mask])
    images = torch.randn(3, 2, 8, 8)
    torch.testing.assert_close(network(images), twin(images), rtol=1e-4, atol=1e-5)


def test_gradients_reach_the_edges_that_are_not_used():
    network = make()
    network(torch.randn(3, 2, 8, 8)).square().sum().backward()
    for source in range(3):
        gradient, unused = network.weights[source].grad, ~network.used(source)
        assert gradient[unused].abs().sum() > 0
