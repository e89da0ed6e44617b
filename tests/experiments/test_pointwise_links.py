import math
from collections import Counter

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import swann
from swann.experiments import StudyNetwork
from swann.experiments._pointwise_links import use_pointwise_links
from swann.nn import fan_ins

MODEL = nn.Sequential(
    *(nn.Conv2d(3, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(24, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(24, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU()),
    *(nn.Conv2d(24, 24, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(24 * 16, 40), nn.ReLU(), nn.Linear(40, 30)),
)
IMAGES = torch.randn(20, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def make(p=0.2, **settings):
    twin, varied = (swann.convert(MODEL, IMAGES[:1], p=p, seed=1) for _ in range(2))
    return twin, use_pointwise_links(varied, StudyNetwork(p=p, **settings), 1)


def links(network):
    """Return the links between each two layers."""
    found = {}
    for number, layer in enumerate(network.each_layer(), start=1):
        for source, link in layer.each_link():
            found.setdefault((source, number), []).append(link)
    return found


@pytest.mark.parametrize("settings", [{"long_kernel": "pointwise"}, {"linear_kernel": "pointwise"}])
@pytest.mark.parametrize("p", [0.2, 1.0])
def test_long_links_have_as_many_weights_and_as_many_edges_of_one_tap_as_fit(p, settings):
    twin, varied = make(p, **settings)
    before, after = links(twin), links(varied)
    assert list(before) == list(after)
    kinds = Counter()
    for (source, number), (link,) in before.items():
        parts = after[source, number]
        assert sum(part.weight.numel() for part in parts) == link.weight.numel()
        concerned = source < number - 1 and (link.geometry is None) == ("linear_kernel" in settings)
        n_taps = math.prod(link.kernel)
        if concerned and n_taps > 1:
            masks = torch.stack([part.mask for part in parts])
            assert masks.sum(0).max() == 1  # no edge is doubled
            assert bool((link.mask <= masks.any(0)).all())
            kernels = [part.kernel for part in parts]
            kinds[len(kernels)] += 1
            if kernels == [(1, 1)]:
                assert len(parts[0].weight) == link.weight.numel()
            else:
                assert kernels[0] == link.kernel
                assert link.mask.numel() - int(masks.sum()) < n_taps - 1  # there is no room for another one's
        else:
            assert [(part.kernel, part.geometry) for part in parts] == [(link.kernel, link.geometry)]
            assert torch.equal(parts[0].mask, link.mask)
    assert kinds[1 if p == 0.2 else 2] > 0
    assert sum(p.numel() for p in varied.parameters()) == sum(p.numel() for p in twin.parameters())


def test_edges_of_one_tap_read_places_of_a_map_and_its_mean():
    _, varied = make(long_kernel="pointwise", linear_kernel="pointwise")
    given = torch.randn(2, 3, 16, 16)
    into_convolution, into_linear = (links(varied)[0, number][-1] for number in (3, 5))
    assert into_convolution.kernel == into_linear.kernel == (1, 1)
    first = -into_convolution.geometry.padding[0][0]
    places = given[:, :, first::4, first::4]
    expected = torch.einsum("bshw,ts->bthw", places, into_convolution.dense_weight()[..., 0, 0])
    torch.testing.assert_close(into_convolution(given, nn.Identity()), expected)
    means = F.linear(given.mean((2, 3)), into_linear.dense_weight()[..., 0, 0])
    torch.testing.assert_close(into_linear(given, nn.Identity()), means)


def test_the_sparse_backend_computes_the_same_as_the_masked_one():
    twin, varied = make(0.8, long_kernel="pointwise", linear_kernel="pointwise")
    found = []
    for backend in ("masked", "sparse"):
        varied.use_backend(backend).zero_grad()
        varied(IMAGES).square().sum().backward()
        found.append([varied(IMAGES).detach(), *(parameter.grad for parameter in varied.parameters())])
    for masked, sparse in zip(*found, strict=True):
        torch.testing.assert_close(masked, sparse, rtol=1e-3, atol=1e-3 * float(masked.abs().max()))
    assert (found[0][0] - twin(IMAGES)).abs().max() > 1e-2


def test_first_weights_have_the_variance_of_the_new_fan_ins():
    _, varied = make(long_kernel="pointwise")
    spread = torch.cat(
        [
            (link.weight.detach() * fan_ins(layer)[link.mask.nonzero()[:, 0]].sqrt().view(-1, 1, 1)).flatten()
            for layer in varied.each_layer()[:4]
            for _, link in layer.each_link()
        ]
    )
    assert len(spread) > 10_000
    torch.testing.assert_close(spread.var(), torch.tensor(2.0), rtol=0.05, atol=0)
