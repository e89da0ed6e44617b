import copy
import threading

import pytest
import torch
from networks import plan_of
from test_sparse import normal
from torch import nn

from swann.nn import _small_batch, build
from swann.nn._native_pass import forms_of


def network_and_images(batch=2, p=0.5):
    model = nn.Sequential(
        *(nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(6)),
        *(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten()),
        *(nn.Linear(8 * 25, 12), nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 4)),
    )
    network = build(plan_of(model, torch.zeros(1, 2, 10, 10), p)).use_backend("sparse").eval()
    return network, normal(batch, 2, 10, 10).float()


def dense(network, images):
    return copy.deepcopy(network).use_backend("masked")(images)


def assert_right(network, images):
    torch.testing.assert_close(network(images), dense(network, images), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_results_stay_as_they_are_in_later_passes():
    network, images = network_and_images()
    first = network(images)
    kept = first.clone()
    assert not torch.equal(network(2 * images), kept)
    assert torch.equal(first, kept)
    (found,) = network.native_passes.values()
    assert len(found.idle) == 1


@torch.no_grad()
def test_weights_biases_and_statistics_are_read_anew():
    network, images = network_and_images()
    network(images)
    norm = network.layers[0].stages[1]
    for change in (
        lambda: norm.running_mean.add_(0.3),
        lambda: norm.running_var.mul_(4),
        lambda: setattr(norm, "running_mean", norm.running_mean + 0.2),
        lambda: setattr(norm, "eps", 0.5),
        lambda: network.layers[1].bias.add_(1),
        lambda: setattr(network.layers[2].links[0].weight, "data", 2 * network.layers[2].links[0].weight),
        lambda: network.layers[0].stages.__setitem__(1, nn.BatchNorm2d(6, affine=False).eval()),
        lambda: network.layers[1].stages.__setitem__(0, nn.Tanh()),
    ):
        before = network(images)
        change()
        assert_right(network, images)
        assert not torch.allclose(network(images), before)


@torch.no_grad()
def test_weights_that_do_not_follow_each_other():
    network, images = network_and_images()
    expected = network(images)
    weight = network.layers[2].links[0].weight
    weight.data = torch.stack([weight.data, weight.data], -1)[..., 0]
    assert not weight.is_contiguous()
    torch.testing.assert_close(network(images), expected)


@torch.no_grad()
def test_parametrized_weights_are_computed_anew():
    class Halved(nn.Module):
        def forward(self, weight):
            return weight / 2

    network, images = network_and_images()
    before = network(images)
    nn.utils.parametrize.register_parametrization(network.layers[2].links[0], "weight", Halved())
    nn.utils.parametrize.register_parametrization(network.layers[1], "bias", Halved())
    found = network(images)
    torch.testing.assert_close(found, network.use_backend("masked")(images), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, before)


@torch.no_grad()
def test_norms_that_train_update_their_statistics():
    network, images = network_and_images(5)
    masked = copy.deepcopy(network).use_backend("masked")
    network.layers[0].stages.train(), masked.layers[0].stages.train()
    torch.testing.assert_close(network(images), masked(images), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(network.layers[0].stages[1].running_mean, masked.layers[0].stages[1].running_mean)


def test_dropouts_that_drop_are_not_for_compiled_code():
    network, _ = network_and_images()
    assert forms_of(network) is not None
    network.layers[-1].dropout.dropouts.train()
    assert forms_of(network) is None


@pytest.mark.parametrize("n_threads", [1, 2])
def test_passes_in_two_threads_at_once(n_threads):
    network, _ = network_and_images()
    batches = [normal(2, 2, 10, 10, seed=seed).float() for seed in range(2)]
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with torch.inference_mode():
            expected = [network(images) for images in batches]
        wrong, start = [], threading.Barrier(2)

        def work(number):
            torch.set_num_threads(n_threads)
            start.wait()
            with torch.inference_mode():
                wrong.extend(not torch.equal(network(batches[number]), expected[number]) for _ in range(20))

        workers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        torch.set_num_threads(before)
    assert len(wrong) == 40
    assert not any(wrong)


@torch.no_grad()
def test_buffers_of_many_kinds_of_inputs_are_forgotten():
    network, images = network_and_images(1)
    for _ in range(20):
        network.layers[0].stages[1] = nn.BatchNorm2d(6).eval()
        network(images)
    assert len(network.native_passes) == 4
    assert not copy.deepcopy(network).native_passes


@torch.no_grad()
def test_so_are_buffers_of_many_bytes(monkeypatch):
    network, images = network_and_images(4)
    monkeypatch.setattr(_small_batch, "_MOST_BYTES", 1)
    for n_samples in (1, 2, 3):
        network(images[:n_samples])
        assert len(network.native_passes) == 1
