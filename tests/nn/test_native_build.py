import pytest
import torch
from networks import plan_of
from test_sparse import assert_near, normal
from torch import nn

from swann.nn import build
from swann.nn._small_batch import forward_small


def network_of(n_axes, p=0.6):
    """Return a network whose passes are cut: one layer's operations are PyTorch's."""
    convolution, pool = (getattr(nn, f"{name}{n_axes}d") for name in ("Conv", "MaxPool"))
    model = nn.Sequential(
        *(convolution(2, 4, 3, padding=1), nn.ReLU()),
        *(convolution(4, 6, 3, stride=2, padding=1), nn.Tanh(), pool(2)),
        *(convolution(6, 6, 3, padding=2, dilation=2, bias=False), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(6 * 3**n_axes, 7), nn.ReLU(), nn.Linear(7, 5), nn.Softmax(1)),
    )
    example = torch.zeros(1, 2, *(11,) * n_axes)
    return build(plan_of(model, example, p)).double().eval().use_backend("sparse"), example.shape[1:]


@torch.no_grad()
@pytest.mark.parametrize("n_axes", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 4])
def test_links_and_operations_of_compiled_code_and_of_torch_together(n_axes, batch):
    network, shape = network_of(n_axes)
    inputs = normal(batch, *shape)
    expected = network.use_backend("masked")(inputs)
    network.use_backend("sparse")
    generator = torch.Generator().manual_seed(0)
    for number in range(4):
        choice = tuple(
            tuple((torch.rand(len(layer.sources), generator=generator) < number / 4).tolist())
            for layer in network.each_layer()
        )
        assert_near(forward_small(network, inputs, choice), expected, 1e-12)
        assert all(found is not None for found in network.native_passes.values())
    assert len(network.native_passes) == 4


@torch.no_grad()
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_maps_that_are_computed_in_bands(n_threads):
    model = nn.Sequential(nn.Conv2d(1, 40, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(40), nn.Conv2d(40, 3, 3))
    network = build(plan_of(model, torch.zeros(1, 1, 60, 60), 0.5)).eval()
    images = normal(1, 1, 60, 60).float()
    expected, before = network.use_backend("masked")(images), torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        found = network.use_backend("sparse")(images)
    finally:
        torch.set_num_threads(before)
    assert_near(found, expected, 1e-5)
    (native,) = network.native_passes.values()
    assert len(native.schedule.tables) == 4  # inputs; bands, then what follows them; the last layer


@torch.no_grad()
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_goes_through(value):
    network, shape = network_of(2)
    network.layers[1].stages[0] = nn.ReLU()
    inputs = normal(2, *shape)
    inputs[0, 0, 3, 3] = value
    expected = network.use_backend("masked")(inputs)
    torch.testing.assert_close(network.use_backend("sparse")(inputs)[1:], expected[1:])
    assert expected[0].isnan().any()
    assert torch.equal(network(inputs)[0].isnan(), expected[0].isnan())


@torch.no_grad()
def test_inputs_in_any_layout():
    network, shape = network_of(2)
    inputs = normal(3, *shape)
    expected = network(inputs)
    assert torch.equal(network(inputs.contiguous(memory_format=torch.channels_last)), expected)
    assert torch.equal(network(inputs.repeat_interleave(2, 3)[..., ::2]), expected)


def test_passes_in_inference_mode_and_without_gradients_share_buffers():
    network, shape = network_of(2)
    inputs = normal(2, *shape)
    with torch.inference_mode():
        expected = network(inputs).clone()
    with torch.no_grad():
        found = network(inputs)
    assert torch.equal(found, expected)
    assert not found.is_inference()
    assert len(network.native_passes) == 1
