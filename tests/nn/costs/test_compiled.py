import pytest
import torch
import torch.nn.functional as F

from swann.nn.costs._compiled import EqualLinks, compiled_inference, compiled_training
from swann.nn.kernels import LinkShape, to_blocks, wiring

STRIDED = LinkShape((6, 6), (3, 3), (3, 3), (2, 2), (1, 1), (1, 1))
LINEAR = LinkShape((2, 3), (1, 1), (2, 3), (1, 1), (0, 0), (1, 1))


def links_and_weight(shape, batch, size, n_targets=5, n_sources=4):
    generator = torch.Generator().manual_seed(0)
    mask = torch.rand(n_targets, n_sources, generator=generator) < 0.6
    weight = torch.randn(int(mask.sum()), *shape.kernel, generator=generator)
    maps = tuple(torch.randn(batch, n_sources, *shape.source, generator=generator) for _ in range(3))
    dense = torch.zeros(n_targets, n_sources, *shape.kernel, dtype=torch.float64)
    dense[mask] = weight.double()
    return EqualLinks(maps, weight, wiring(mask), n_targets, size, shape), mask, dense


def flow(maps, dense, shape):
    return sum(F.conv2d(each.double(), dense, stride=shape.stride, padding=shape.before) for each in maps)


@pytest.mark.parametrize("batch", [1, 3])
def test_inference_sums_what_flows_in_through_all_links(batch):
    for shape, size in ((STRIDED, (3, 3)), (LINEAR, ())):
        links, _, dense = links_and_weight(shape, batch, size)
        expected = flow(links.maps, dense, shape).movedim(0, -1)
        found = compiled_inference(links)()
        if size:
            found = found[:, : size[0], : size[1]]
        torch.testing.assert_close(found.reshape(expected.shape).double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("batch", [2, 16, 32])
def test_training_finds_the_gradients_of_all_weights_again_and_again(batch):
    for shape, size in ((STRIDED, (3, 3)), (LINEAR, ())):
        links, mask, dense = links_and_weight(shape, batch, size)
        run = compiled_training(links)
        run()
        gradient = flow(links.maps, dense, shape)
        for found, source in zip(run(), links.maps, strict=True):
            leaf = dense.clone().requires_grad_()
            (expected,) = torch.autograd.grad(flow([source], leaf, shape), leaf, gradient)
            torch.testing.assert_close(found.double(), expected[mask], rtol=1e-5, atol=1e-4)
    assert to_blocks(links.maps[0]).shape[0] == max(1, batch // 16)
