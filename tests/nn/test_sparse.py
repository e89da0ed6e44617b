import copy
import gc
import pickle
import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import IMAGES, plan_of, twin
from torch import nn

import swann
from swann import InvalidValueError
from swann.models import alexnet, convnet_c, mnist5, resnet18
from swann.nn import build

PRECISION = {torch.float32: 1e-5, torch.float64: 1e-12}


def normal(*size, seed=0):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def many_stages():
    """Return a network with a bit of everything between its layers."""
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1, padding_mode="circular"), nn.BatchNorm2d(6), nn.PReLU(6), nn.AvgPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1), nn.GroupNorm(2, 8), nn.ReLU(inplace=True), nn.Dropout(0.0),
        nn.Conv2d(8, 8, (3, 1), padding=(1, 0), bias=False), nn.LayerNorm((8, 6, 6)), nn.GELU(), nn.Dropout2d(0.0),
        nn.Conv2d(8, 6, 3, stride=2, padding=1, padding_mode="replicate"), nn.Tanh(), nn.AdaptiveAvgPool2d(2),
        nn.Flatten(), nn.BatchNorm1d(24), nn.Linear(24, 10), nn.BatchNorm1d(10), nn.ReLU(), nn.Dropout(0.0),
        nn.Linear(10, 8), nn.SiLU(), nn.Linear(8, 4), nn.LogSoftmax(1),
    )  # fmt: skip


def without_dropout(model):
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


MODELS = {
    "mnist5": (lambda: mnist5(image_size=16), (1, 16, 16)),
    "convnet_c": (lambda: convnet_c(width=0.06), (3, 32, 32)),
    "resnet18": (lambda: resnet18(width=0.06, image_size=40, n_classes=5), (3, 40, 40)),
    "alexnet": (lambda: alexnet(width=0.05, image_size=41, n_classes=5), (3, 41, 41)),
    "stages": (many_stages, (2, 12, 12)),
}


def pair(name, p=0.7, dtype=torch.float64):
    """Return a small-world network twice, masked and sparse, and the shape of its inputs."""
    make, shape = MODELS[name]
    masked = build(plan_of(without_dropout(make()), torch.zeros(1, *shape), p)).to(dtype).use_backend("masked")
    return masked, copy.deepcopy(masked).use_backend("sparse"), shape


def assert_near(found, expected, precision, scale=None):
    """Compare with the largest value of all as the measure."""
    found, expected = found.detach(), expected.detach()
    error = (found - expected).abs().max() if expected.numel() else torch.zeros(())
    largest = expected.abs().max() if scale is None else scale
    assert error.item() <= precision * largest.clamp(min=1).item()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batch", [1, 5, 16])
def test_outputs_gradients_and_statistics_equal_those_of_dense_convolutions(name, batch):
    masked, sparse, shape = pair(name)
    alone = batch == 1  # a batch norm wants more than one value while it trains
    inputs = normal(batch, *shape)
    results = []
    for network in (masked, sparse):
        network.train(not alone)
        source = inputs.clone().requires_grad_()
        output = network(source)
        direction = normal(*output.shape, seed=1)
        results.append((output, torch.autograd.grad(output, [source, *network.parameters()], direction)))
    (expected, of_masked), (found, of_sparse) = results
    assert found.shape == expected.shape
    assert_near(found, expected, 1e-12)
    names = ["input", *(name for name, _ in masked.named_parameters())]
    for _, left, right in zip(names, of_sparse, of_masked, strict=True):
        assert_near(left, right, 1e-11)
    buffers = dict(masked.named_buffers())
    for key, value in sparse.named_buffers():
        if key.endswith("num_batches_tracked"):
            assert value == buffers[key] == (0 if alone else 1)
        elif key.endswith(("running_mean", "running_var")):
            assert_near(value, buffers[key], 1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_in_single_precision_they_are_as_near(name):
    masked, sparse, shape = pair(name, dtype=torch.float32)
    inputs = normal(16, *shape).float()
    exact = copy.deepcopy(masked).double().eval()
    expected = exact(inputs.double())
    direction = normal(*expected.shape, seed=1)
    found = sparse.eval()(inputs)
    of_exact = torch.autograd.grad(expected, list(exact.parameters()), direction)
    of_sparse = torch.autograd.grad(found, list(sparse.parameters()), direction.float())
    assert_near(found, expected, 1e-5)
    for left, right in zip(of_sparse, of_exact, strict=True):
        assert_near(left, right, 1e-5)


@pytest.mark.parametrize("order", ["paper", "keep"])
@pytest.mark.parametrize("ends_with_norm", [False, True])
@pytest.mark.parametrize("batch", [16, 72])
def test_layer_by_layer_it_trains_as_in_double_precision(order, ends_with_norm, batch, monkeypatch):
    monkeypatch.setattr("swann.nn._sparse.forward_in_one_call", lambda *_, **__: None)
    layers = [
        *(nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU()),
        *(nn.Conv2d(6, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Tanh()),
        *(nn.Flatten(), nn.Linear(100, 6), nn.ReLU(), nn.Linear(6, 1)),
        *([nn.BatchNorm1d(1)] if ends_with_norm else []),
    ]
    exact = swann.convert(nn.Sequential(*layers), torch.zeros(1, 2, 10, 10), 0.5, order=order, backend="masked")
    exact = exact.double()
    network = copy.deepcopy(exact).float().use_backend("sparse")
    images = normal(batch, 2, 10, 10)
    parameters = list(network.parameters())
    expected = exact(images)
    direction = normal(*expected.shape, seed=1)
    of_exact = torch.autograd.grad(expected, list(exact.parameters()), direction)
    found, given_to_it = network(images.float()), direction.float()
    assert_near(found, expected, 1e-5)
    for _ in range(2):  # nothing that a second backward pass reads was overwritten
        of_found = torch.autograd.grad(found, parameters, given_to_it, retain_graph=True)
        assert torch.equal(given_to_it, direction.float())
        for left, right in zip(of_found, of_exact, strict=True):
            assert_near(left, right, 2e-5)
    for name, value in exact.named_buffers():
        if value.is_floating_point():
            assert_near(network.get_buffer(name).double(), value, 1e-5)


@settings(max_examples=20)
@given(st.data())
def test_any_chain_at_any_batch(data):
    n_dims, batch = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([1, 2, 7, 8, 16, 19]))
    convolution, pool = (getattr(nn, f"{name}{n_dims}d") for name in ("Conv", "MaxPool"))
    groups, dilation = data.draw(st.sampled_from([1, 2])), data.draw(st.integers(1, 2))
    mode = data.draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    model = nn.Sequential(
        convolution(2, 4, data.draw(st.sampled_from([1, 2, 3])), stride=data.draw(st.integers(1, 2)), padding=1),
        nn.Tanh(),
        convolution(4, 6, 3, padding=1, groups=groups, padding_mode=mode),
        nn.Tanh(),
        *[pool(2)] * data.draw(st.integers(0, 1)),
        convolution(6, 4, 3, padding=dilation, dilation=dilation, bias=data.draw(st.booleans())),
        nn.Tanh(),
        nn.Flatten(),
        nn.LazyLinear(5),
        nn.Tanh(),
        nn.Linear(5, 3),
    )
    example = torch.zeros(1, 2, *(data.draw(st.integers(6, 8)),) * n_dims)
    model(example)
    network = build(plan_of(model, example, data.draw(st.floats(0, 1)))).double()
    inputs = normal(batch, *example.shape[1:]).requires_grad_()
    wanted = [inputs, *network.parameters()]
    results = []
    for backend in ("masked", "sparse"):
        output = network.use_backend(backend)(inputs)
        results.append((output, *torch.autograd.grad(output.square().sum(), wanted, allow_unused=True)))
    for expected, found in zip(*results, strict=True):
        if expected is not None:
            assert_near(torch.zeros_like(expected) if found is None else found, expected, 1e-12)


@pytest.mark.parametrize("batch", [3, 16])
def test_a_graph_that_is_kept_gives_the_same_gradients_twice(batch):
    network, inputs = twin().use_backend("sparse").eval(), normal(batch, 2, 27, 27).float()
    loss = network(inputs).square().sum()
    loss.backward(retain_graph=True)
    first = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    loss.backward()
    for parameter, gradient in zip(network.parameters(), first, strict=True):
        assert torch.equal(parameter.grad, gradient)


@pytest.mark.parametrize("batch", [3, 16])
def test_gradients_of_some_parameters_leave_nothing_for_a_full_backward(batch):
    network, inputs = twin(0.7).use_backend("sparse").eval(), normal(batch, 2, 27, 27).float().requires_grad_()
    parameters = [inputs, *network.parameters()]
    expected = torch.autograd.grad(network(inputs).square().sum(), parameters)
    loss = network(inputs).square().sum()
    for subset in (slice(-2, None), slice(5, 7), slice(0, 1), slice(None)):
        found = torch.autograd.grad(loss, parameters[subset], retain_graph=True)
        for left, right in zip(found, expected[subset], strict=True):
            assert torch.equal(left, right)


def test_two_forward_passes_before_one_backward():
    network = twin(0.7).use_backend("sparse").eval()
    first, second = normal(16, 2, 27, 27).float(), normal(16, 2, 27, 27, seed=1).float()
    parameters = list(network.parameters())
    apart = [torch.autograd.grad(network(images).square().sum(), parameters) for images in (first, second)]
    both = torch.autograd.grad(network(first).square().sum() + network(second).square().sum(), parameters)
    for one, two, total in zip(*apart, both, strict=True):
        torch.testing.assert_close(total, one + two)


@pytest.mark.parametrize("batch", [3, 16])
def test_frozen_parts_get_no_gradient_and_change_no_other(batch):
    network, inputs = twin(0.7).use_backend("sparse").eval(), normal(batch, 2, 27, 27).float()
    network(inputs).square().sum().backward()
    expected = {name: parameter.grad for name, parameter in network.named_parameters()}
    network.zero_grad()
    for parameter in network.layers[:4].parameters():
        parameter.requires_grad_(False)
    network(inputs).square().sum().backward()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert torch.equal(parameter.grad, expected[name])
        else:
            assert parameter.grad is None


@pytest.mark.parametrize("batch", [5, 16])
def test_recomputed_activations_give_the_same_gradients(batch):
    network, inputs = twin(0.7).use_backend("sparse").eval(), normal(batch, 2, 27, 27).float()
    parameters = list(network.parameters())
    expected = torch.autograd.grad(network(inputs).square().sum(), parameters)
    again = torch.utils.checkpoint.checkpoint(network, inputs, use_reentrant=False)
    for left, right in zip(torch.autograd.grad(again.square().sum(), parameters), expected, strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("backend", ["masked", "sparse"])
@pytest.mark.parametrize(
    ("layers", "dropout"),
    [
        ((nn.Conv1d(1, 200, 1), nn.Conv1d(200, 200, 1, groups=200)), nn.Dropout1d),
        ((nn.Conv2d(1, 200, 1), nn.Conv2d(200, 200, 1, groups=200)), nn.Dropout2d),
        ((nn.Conv3d(1, 200, 1), nn.Conv3d(200, 200, 1, groups=200)), nn.Dropout3d),
    ],
)
@pytest.mark.parametrize("batch", [4, 16])
def test_a_dropout_of_channels_draws_for_each_sample(backend, layers, dropout, batch):
    """Each channel goes its own way here, so that the output shows what was dropped."""
    n_dims = int(dropout.__name__[-2])
    inputs = torch.ones(batch, 1, *(3,) * n_dims)
    model = nn.Sequential(layers[0], nn.ReLU(), dropout(0.5), layers[1])
    network = build(plan_of(model, inputs, 0.0)).use_backend(backend)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1.0 if parameter.ndim > 1 else 0.0)
    kept = network(inputs).flatten(2)
    assert torch.equal(kept, kept[..., :1].expand_as(kept))
    assert kept.unique().tolist() == [0, 2]
    assert abs(kept.mean().item() - 1) < 0.15
    assert len(kept[..., 0].unique(dim=0)) == batch


@pytest.mark.parametrize("backend", ["masked", "sparse"])
@pytest.mark.parametrize("batch", [4, 16])
def test_a_dropout_of_channels_acts_on_single_neurons_of_a_linear_layer(backend, batch):
    inputs = torch.ones(batch, 1)
    layers = [nn.Linear(1, 200), nn.ReLU(), nn.Linear(200, 1)]
    plan = plan_of(nn.Sequential(*layers[:2], nn.Dropout(0.5), layers[2]), inputs, 0.0)
    network = build(plan).use_backend(backend)
    network.layers[1].dropout.dropouts[0] = nn.Dropout2d(0.5)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(1.0 if parameter.ndim else 0.0)
        network.layers[0].bias.zero_()
        network.layers[1].bias.zero_()
    sums = network(inputs)
    assert sums.unique().numel() > 2
    assert abs(sums.mean().item() - 200) < 40


@pytest.mark.parametrize("batch", [4, 16])
def test_a_dropout_that_is_left_on_drops(batch):
    """Monte-Carlo dropout: everything but the dropouts is in evaluation mode."""
    inputs = torch.ones(batch, 6)
    model = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Dropout(0.5), nn.Linear(40, 3))
    network = build(plan_of(model, inputs, 0.6)).use_backend("sparse").eval()
    assert torch.equal(network(inputs), network(inputs))
    network.layers[-1].dropout.dropouts.train()
    assert not torch.equal(network(inputs), network(inputs))


@pytest.mark.parametrize("backend", ["masked", "sparse"])
@pytest.mark.parametrize("batch", [0, 1, 3, 8, 16])
def test_batches_of_any_size_and_memory_layout(backend, batch):
    network = twin(0.5).eval().use_backend(backend)
    images = IMAGES.repeat(6, 1, 1, 1)[:batch]
    expected = torch.cat([network(image[None]) for image in images]) if batch else torch.zeros(0, 4)
    for laid_out in (images, images.to(memory_format=torch.channels_last), images.mT.contiguous().mT):
        found = network(laid_out)
        assert found.shape == (batch, 4)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    network(images.clone().requires_grad_()).sum().backward()


def test_inputs_of_another_type_than_the_network_are_refused():
    network = twin().use_backend("sparse").double()
    with pytest.raises(InvalidValueError, match="both float32 or both float64, got torch.float32 and torch.float64"):
        network(IMAGES)


@pytest.mark.parametrize("batch", [3, 16])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_sums_in_single_precision(dtype, batch):
    network, images = twin(0.6).use_backend("sparse").eval(), normal(batch, 2, 27, 27).float()
    expected = network(images)
    halved = copy.deepcopy(network).to(dtype)
    found = halved(images.to(dtype))
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.1)
    found.float().square().sum().backward()
    assert all(parameter.grad.dtype == dtype for parameter in halved.parameters())


@pytest.mark.parametrize("batch", [3, 16])
def test_autocast_takes_the_types_that_dense_convolutions_take(batch):
    """The masked pass in float32 is the reference; bfloat16 moves single gradients far, where it swaps maxima."""
    network, images = twin(0.6).eval(), normal(batch, 2, 27, 27).float()

    def one_step(backend, enabled):
        network.use_backend(backend).zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            output = network(images)
        output.float().square().sum().backward()
        return output, [parameter.grad.clone() for parameter in network.parameters()]

    expected, expected_gradients = one_step("masked", enabled=False)
    for backend in ("masked", "sparse"):
        output, gradients = one_step(backend, enabled=True)
        assert output.dtype == torch.bfloat16
        torch.testing.assert_close(output.float(), expected, rtol=0.1, atol=0.1)
        assert {gradient.dtype for gradient in gradients} == {torch.float32}
        error, length = (
            torch.cat([tensor.flatten() for tensor in tensors]).norm()
            for tensors in (
                [left - right for left, right in zip(gradients, expected_gradients, strict=True)],
                expected_gradients,
            )
        )
        assert error < 0.06 * length


def test_autocast_takes_networks_in_half_precision_as_they_are():
    network, images = twin(0.6).use_backend("sparse").eval(), normal(32, 2, 27, 27).float()
    expected = network(images)
    halved = copy.deepcopy(network).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = halved(images)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.1)


def test_dense_links_are_lowered_by_autocast_too(monkeypatch):
    """A layer of sparse and dense links is as near to single precision as bfloat16 can be, and no nearer."""
    network, images = twin(0.6).use_backend("sparse").eval(), normal(32, 2, 27, 27).float()
    expected = network(images)
    choice = tuple(tuple(number % 2 == 0 for number, _ in enumerate(layer.links)) for layer in network.layers)
    monkeypatch.setattr(network, "_choice", lambda _: choice)
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = network(images)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.1)


def test_autocast_leaves_double_precision_alone():
    network, images = twin(0.6).eval().double(), normal(3, 2, 27, 27)
    expected = network.use_backend("masked")(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        masked = network(images)
        sparse = network.use_backend("sparse")(images)
    assert masked.dtype == sparse.dtype == torch.float64
    torch.testing.assert_close(sparse, expected)


def test_copies_pickles_and_states_compute_the_same():
    network = twin(0.6).use_backend("sparse").eval()
    expected = network(IMAGES)
    assert torch.equal(copy.deepcopy(network)(IMAGES), expected)
    again = pickle.loads(pickle.dumps(network))
    assert again.backend == "sparse"
    assert torch.equal(again(IMAGES), expected)
    assert not any(name.endswith("wiring") for name in network.state_dict())
    loaded = build(network.plan, seed=7).use_backend("sparse").eval()
    loaded.load_state_dict(network.state_dict())
    assert torch.equal(loaded(IMAGES), expected)


def test_a_state_with_other_masks_moves_the_edges_with_it():
    """Of equal numbers of edges, that is; the wiring follows the mask."""
    model = nn.Sequential(nn.Linear(6, 9), nn.Tanh(), nn.Linear(9, 8), nn.Tanh(), nn.Linear(8, 4))
    network = build(plan_of(model, torch.zeros(1, 6), 0.4)).use_backend("sparse")
    state = {name: value.clone() for name, value in network.state_dict().items()}
    masks = [name for name in state if name.endswith("mask")]
    for name in masks:
        state[name] = state[name].flip(0)
    assert any(not torch.equal(state[name], network.state_dict()[name]) for name in masks)
    network.load_state_dict(state)
    inputs = normal(5, 6).float()
    torch.testing.assert_close(network(inputs), copy.deepcopy(network).use_backend("masked")(inputs))


@pytest.mark.parametrize("dynamic", [False, True])
def test_compiled_it_computes_the_same_at_any_batch(dynamic):
    network = twin(0.4).use_backend("sparse").eval()
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True, dynamic=dynamic)
    parameters = list(network.parameters())
    for batch in (3, 16, 5) if dynamic else (3, 16):
        images = normal(batch, 2, 27, 27).float()
        found, expected = compiled(images), network(images)
        torch.testing.assert_close(found, expected)
        of_found = torch.autograd.grad(found.square().sum(), parameters)
        for left, right in zip(of_found, torch.autograd.grad(expected.square().sum(), parameters), strict=True):
            torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(
    torch.torch_version.TorchVersion(torch.__version__) < (2, 12),
    reason="PyTorch 2.11 takes a batch of any size for one of a certain size",
)
@pytest.mark.parametrize("strict", [False, True])
def test_exported_with_a_batch_of_any_size(strict, tmp_path):
    network = twin(0.4).use_backend("sparse").eval()
    batch = torch.export.Dim("batch")
    program = torch.export.export(network, (IMAGES,), dynamic_shapes=({0: batch},), strict=strict)
    assert "swann.sparse_layer" in str(program.graph)
    torch.export.save(program, tmp_path / "program.pt2")
    for exported in (program.module(), torch.export.load(tmp_path / "program.pt2").module()):
        for n_samples in (1, 2, 3, 8, 16, 19, 32):
            images = normal(n_samples, 2, 27, 27).float()
            torch.testing.assert_close(exported(images), network(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("batch", [3, 16])
def test_two_threads_run_one_network_at_once(batch):
    network = twin(0.6).use_backend("sparse").eval()
    images = [normal(batch, 2, 27, 27, seed=seed).float() for seed in range(2)]

    def everything(number):
        output = network(images[number])
        return output, *torch.autograd.grad(output.square().sum(), list(network.parameters()))

    expected = [everything(0), everything(1)]
    equal, start = [], threading.Barrier(2)

    def work(number):
        start.wait()
        for _ in range(5):
            equal.extend(map(torch.equal, everything(number), expected[number]))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(equal) == 2 * 5 * len(expected[0])
    assert all(equal)


def test_maps_that_no_later_layer_reads_are_let_go():
    """Peak memory: at the end of an inference little more than the last maps is held."""
    model = nn.Sequential(*[layer for _ in range(6) for layer in (nn.Conv2d(4, 4, 3, padding=1), nn.ReLU())])
    network = build(plan_of(model, torch.zeros(1, 4, 8, 8), 0.0)).use_backend("sparse").eval()
    held = []

    def count(module, inputs, output):
        held.append(sum(type(item) is torch.Tensor and item.shape == output.shape for item in gc.get_objects()))

    for layer in network.layers:
        layer.stages[0].register_forward_hook(count)
    with torch.no_grad():
        network(torch.zeros(16, 4, 8, 8))
    assert held[-1] <= held[0] + 1
