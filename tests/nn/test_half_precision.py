"""Networks under autocast to bfloat16 against masked ones in float64 whose links multiply rounded numbers."""

import copy

import pytest
import torch
from block_passes import OPERATIONS, pair
from half_precision import length, needs_halves, relative_distance, round_links, rounded
from torch import nn

import swann
from swann.nn import _sparse
from swann.nn.kernels import _halves

pytestmark = needs_halves


def one_step(network, inputs, direction, *, lowers=False):
    """Return a network's output and gradients of its parameters."""
    network.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=lowers):
        output = network(inputs)
    (output.to(direction.dtype) * direction).sum().backward()
    return output.detach(), [each.grad.clone() for each in network.parameters() if each.grad is not None]


def networks_and_data(name, batch):
    exact, sparse = pair(name)
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(batch, *OPERATIONS[name][1], generator=generator, dtype=torch.float64)
    direction = torch.randn(exact(inputs).shape, generator=generator, dtype=torch.float64)
    return exact, sparse.float(), inputs, rounded(direction)  # as the gradient of an output in bfloat16


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("batch", [32, 96])
def test_products_are_of_bfloat16_and_all_else_is_single(name, batch, monkeypatch):
    """In one call, and layer by layer; without rounding the network is much farther away."""
    exact, sparse, inputs, direction = networks_and_data(name, batch)
    single, single_gradients = one_step(copy.deepcopy(sparse), inputs.float(), direction)
    found, gradients = one_step(sparse, inputs.float(), direction, lowers=True)
    round_links(monkeypatch)
    expected, expected_gradients = one_step(exact, inputs, direction)
    assert found.dtype == torch.bfloat16
    assert relative_distance(gradients, expected_gradients) < 0.25 * relative_distance(
        single_gradients, expected_gradients
    )
    expected = rounded(expected)
    assert relative_distance([found], [expected]) < 0.5 * relative_distance([single.bfloat16()], [expected])


@pytest.mark.parametrize("batch", [32, 96])
def test_inference_is_the_same(batch):
    _, sparse, inputs, direction = networks_and_data("images", batch)
    sparse.eval()
    expected, _ = one_step(sparse, inputs.float(), direction, lowers=True)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        found = sparse(inputs.float())
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("batch", [3, 10, 48, 80])
def test_other_batches_are_computed_in_single_precision(batch):
    _, sparse, inputs, direction = networks_and_data("images", batch)
    expected, expected_gradients = one_step(sparse, inputs.float(), direction.float())
    found, gradients = one_step(sparse, inputs.float(), direction.float(), lowers=True)
    torch.testing.assert_close(found, expected.bfloat16())
    torch.testing.assert_close(gradients, expected_gradients)


def test_so_are_all_on_another_processor(monkeypatch):
    monkeypatch.setattr(_halves, "can_halve", lambda: False)
    _, sparse, inputs, direction = networks_and_data("images", 32)
    expected, _ = one_step(sparse, inputs.float(), direction)
    found, _ = one_step(sparse, inputs.float(), direction, lowers=True)
    torch.testing.assert_close(found, expected.bfloat16())


def test_what_is_kept_for_the_backward_pass_is_smaller():
    _, sparse, inputs, direction = networks_and_data("images", 96)

    def kept(*, lowers):
        storages = {}
        with (
            torch.autograd.graph.saved_tensors_hooks(
                lambda each: storages.setdefault(each.untyped_storage().data_ptr(), each), lambda each: each
            ),
            torch.autocast("cpu", torch.bfloat16, enabled=lowers),
        ):
            sparse(inputs.float())
        return sum(each.untyped_storage().nbytes() for each in storages.values())

    assert length([direction]) > 0
    assert kept(lowers=True) < 0.9 * kept(lowers=False)


def test_without_gradients_a_map_is_forgotten_once_it_is_in_halves(monkeypatch):
    _, sparse, inputs, _ = networks_and_data("images", 96)
    read_ahead, strides = _sparse._Pass.read_ahead, []

    def noted(state, network, number):
        read_ahead(state, network, number)
        strides.append(set(state.blocks[number].stride()))

    monkeypatch.setattr(_sparse._Pass, "read_ahead", noted)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        sparse.eval()(inputs.float())
    assert strides == [{0}] * (len(sparse.layers) - 1)


def test_maps_of_which_each_reader_drops_others_stay(monkeypatch):
    model = nn.Sequential(
        *(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Dropout(0.5), nn.Conv2d(4, 4, 3), nn.ReLU()),
        *(nn.Dropout(0.5), nn.Flatten(), nn.Linear(16, 5)),
    )
    network = swann.convert(model, torch.zeros(1, 2, 6, 6), p=0.7, backend="sparse")
    images = torch.randn(96, 2, 6, 6, generator=torch.Generator().manual_seed(0))

    def outputs():
        torch.manual_seed(3)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            return network(images)

    found = outputs()
    monkeypatch.setattr(_sparse._Pass, "read_ahead", lambda *_: None)
    assert torch.equal(found, outputs())
    assert not torch.equal(found, network.eval()(images).bfloat16())
