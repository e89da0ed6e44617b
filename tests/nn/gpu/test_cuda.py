"""Whole networks on a CUDA device; all of it is skipped where there is none."""

import copy

import pytest
import torch
from networks import IMAGES, image_network, plan_of
from torch import nn

from swann.models import convnet_c
from swann.nn import build

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device to run networks on")


@pytest.fixture(autouse=True)
def exact(tmp_path, monkeypatch):
    monkeypatch.setenv("SWANN_CACHE_DIR", str(tmp_path))
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


def networks():
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    convnet = convnet_c(width=0.25)
    for module in convnet.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    yield build(plan_of(image_network(), IMAGES, 0.6)).eval(), IMAGES
    yield build(plan_of(convnet, images[:1], 0.85)), images


@pytest.mark.parametrize("backend", ["masked", "joined", "sparse", "auto"])
def test_backends_equal_float64_on_the_cpu(backend):
    for network, images in networks():
        exact = copy.deepcopy(network).double().use_backend("masked")
        expected = exact(images.double())
        on_gpu = network.cuda().use_backend(backend)
        found = on_gpu(images.cuda())
        for output in (expected, found):
            output.square().sum().backward()
        assert (found.cpu() - expected).abs().max() <= 1e-4 * expected.abs().max()
        for left, right in zip(on_gpu.parameters(), exact.parameters(), strict=True):
            if right.grad is not None:
                assert (left.grad.cpu() - right.grad).abs().max() <= 1e-3 * right.grad.abs().max().clamp(min=1e-3)


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_under_autocast_block_kernels_compute_in_half_precision(kind):
    network, images = next(networks())
    network, images = network.cuda().use_backend("sparse"), images.cuda()
    expected = network(images)
    with torch.autocast("cuda", kind):
        found = network(images)
    assert found.dtype == kind
    assert (found.float() - expected).abs().max() <= 0.1 * expected.abs().max()


def test_compiled_and_recorded_it_computes_the_same():
    network, images = next(networks())
    network, images = network.cuda().use_backend("sparse"), images.cuda()
    with torch.inference_mode():
        expected = network(images)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            output = network(images)
        graph.replay()
        torch.testing.assert_close(output, expected)
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(images), expected.clone(), rtol=1e-4, atol=1e-4)


def test_a_training_step_can_be_recorded():
    network, images = next(networks())
    network, images = network.cuda().use_backend("sparse"), images.cuda()
    network(images).square().sum().backward()
    expected = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    network.zero_grad()
    recorded = torch.cuda.make_graphed_callables(network, (torch.zeros_like(images),), allow_unused_input=True)
    for _ in range(2):
        network.zero_grad()
        recorded(images).square().sum().backward()
        found = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        for left, right in zip(found, expected, strict=True):
            torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-4 * float(right.abs().max()))
