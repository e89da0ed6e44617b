import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import swann
from swann.experiments import StudyNetwork
from swann.experiments._link_variants import NormedLink, PooledLink, vary_links
from swann.nn import fan_ins

MODEL = nn.Sequential(
    *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 12), nn.ReLU(), nn.Linear(12, 5)),
)
IMAGES = torch.randn(40, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def make(**settings):
    twin = swann.convert(MODEL, IMAGES[:1], p=0.6, seed=1)
    return twin, vary_links(swann.convert(MODEL, IMAGES[:1], p=0.6, seed=1), StudyNetwork(p=0.6, **settings))


def flow(network, source, target, given):
    """What the link from one layer to another adds."""
    layer = network.each_layer()[target - 1]
    return next(link for number, link in layer.each_link() if number == source)(given, nn.Identity())


def weight(network, source, target):
    layer = network.each_layer()[target - 1]
    return next(link for number, link in layer.each_link() if number == source).dense_weight()


def test_nothing_changes_by_default():
    twin, varied = make()
    torch.testing.assert_close(varied(IMAGES), twin(IMAGES))


@pytest.mark.parametrize("n_images", [1, 3, 6, 40])
@pytest.mark.parametrize("settings", [{"stride": "pooled"}, {"stride": "dilated"}, {"linear_pooling": "max"}])
def test_the_sparse_backend_computes_the_same_as_the_masked_one(settings, n_images):
    twin, varied = (each.eval() for each in make(**settings))
    images = IMAGES[:n_images]
    with torch.no_grad():
        masked, sparse = (varied.use_backend(backend)(images) for backend in ("masked", "sparse"))
        torch.testing.assert_close(masked, sparse, rtol=1e-4, atol=1e-4)
        assert (masked - twin(images)).abs().max() > 1e-2
    assert sum(p.numel() for p in varied.parameters()) == sum(p.numel() for p in twin.parameters())


def test_maps_are_pooled_and_then_convolved():
    _, varied = make(stride="pooled")
    given = torch.randn(2, 3, 16, 16)
    expected = F.conv2d(F.avg_pool2d(given, 4), weight(varied, 0, 3), padding=1)
    torch.testing.assert_close(flow(varied, 0, 3, given), expected)
    assert not isinstance(varied.each_layer()[0].each_link()[0][1], PooledLink)


def test_taps_stand_as_far_apart_as_the_places_that_are_read():
    _, varied = make(stride="dilated")
    given = torch.randn(2, 3, 16, 16)
    # 4 places, 4 apart, of taps 4 apart: 12 + 8 + 1 = 21 rows, 2 and 3 of them zeros
    expected = F.conv2d(F.pad(given, (2, 3, 2, 3)), weight(varied, 0, 3), stride=4, dilation=4)
    torch.testing.assert_close(flow(varied, 0, 3, given), expected)


def test_the_largest_values_go_into_linear_layers():
    twin, varied = make(linear_pooling="max")
    given = torch.randn(2, 3, 16, 16)
    pooled = F.adaptive_max_pool2d(given, 3).flatten(1)
    torch.testing.assert_close(flow(varied, 0, 4, given), F.linear(pooled, weight(varied, 0, 4).flatten(1)))
    kept = torch.randn(2, 8, 4, 4)
    torch.testing.assert_close(flow(varied, 3, 4, kept), flow(twin, 3, 4, kept))


def test_each_link_is_normalised_to_its_share_of_the_fan_in():
    _, varied = make(link_norm=True)
    assert varied.backend == "masked"
    for number, layer in enumerate(varied.each_layer(), start=1):
        total = torch.zeros(layer.n_nodes)
        for source, link in layer.each_link():
            assert isinstance(link, NormedLink)
            found = flow(varied, source, number, 10 * torch.randn(40, *varied.plan.chain.map_shape(source)))
            variance = found.transpose(0, 1).flatten(1).var(1, correction=0)
            share = link.mask.sum(1) * math.prod(link.kernel) / fan_ins(layer)
            torch.testing.assert_close(variance, share, rtol=0.02, atol=1e-3)
            total += share
        torch.testing.assert_close(total, torch.ones(layer.n_nodes))
    assert varied(IMAGES).shape == (40, 5)
