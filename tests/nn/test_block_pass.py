import copy
import pickle
import threading

import pytest
import torch
from block_passes import assert_same, inputs_of, is_native, left, of, pair, step, weighed
from networks import plan_of
from torch import nn
from torch.utils.checkpoint import checkpoint

from swann.nn import _block_pass, build
from swann.nn._block_pass import MOST_SAMPLES, forward_in_one_call


def small(p=0.6, dtype=torch.float64):
    """Return a network of four layers with a norm and a pooling, twice."""
    model = nn.Sequential(
        *(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(4)),
        *(nn.Conv2d(4, 5, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 9, 6), nn.ReLU(), nn.Linear(6, 3)),
    )
    return of(model, (2, 6, 6), p, dtype)


@pytest.fixture
def networks():
    return small()


class Scaled(nn.Module):
    def forward(self, weight):
        return 2 * weight


def hooked(network):
    network.layers[0].stages[1].register_forward_hook(lambda _, __, output: output + 1)


def hooked_backward(network):
    network.layers[1].stages[0].register_full_backward_hook(lambda _, gradients, __: (3 * gradients[0],))


def dilated(network):
    network.layers[0].stages[1] = nn.MaxPool2d(2, 2, 1, dilation=3)


FALLBACKS = {
    "a forward hook": hooked,
    "a backward hook": hooked_backward,
    "another activation": lambda network: network.layers[1].stages.__setitem__(0, nn.Tanh()),
    "a pooling with dilation": dilated,
    "a norm without momentum": lambda network: setattr(network.layers[0].stages[2], "momentum", None),
    "another dropout": lambda network: network.layers[1].stages.append(nn.AlphaDropout(0.0)),
    "parametrized weights": lambda network: nn.utils.parametrize.register_parametrization(
        network.layers[1].links[0], "weight", Scaled()
    ),
    "parametrized biases": lambda network: nn.utils.parametrize.register_parametrization(
        network.layers[1], "bias", Scaled()
    ),
    "weights that do not follow each other": lambda network: setattr(
        network.layers[1].links[0].weight, "data", network.layers[1].links[0].weight.repeat_interleave(2, -1)[..., ::2]
    ),
}


@pytest.mark.parametrize("change", FALLBACKS.values(), ids=FALLBACKS)
@pytest.mark.parametrize("is_known", [True, False])
def test_what_compiled_code_does_not_do_is_done_otherwise(networks, change, is_known, monkeypatch):
    masked, sparse = networks
    inputs, found = inputs_of(masked), []
    if is_known:
        for network in networks:
            step(network, inputs), network.zero_grad()
        assert is_native(sparse)
    for network in networks:
        change(network)

    def noted(*arguments, **options):
        found.append(forward_in_one_call(*arguments, **options))
        return found[-1]

    monkeypatch.setattr("swann.nn._sparse.forward_in_one_call", noted)
    assert_same(step(sparse, inputs), step(masked, inputs))
    assert found == [None]


def moved(state):
    return {name: value + 0.1 if value.is_floating_point() else value.clone() for name, value in state.items()}


CHANGES = {
    "weights": lambda network: network.layers[1].links[0].weight.data.mul_(2),
    "other weights": lambda network: setattr(
        network.layers[1].links[0], "weight", nn.Parameter(0.5 * network.layers[1].links[0].weight.detach())
    ),
    "epsilon": lambda network: setattr(network.layers[0].stages[2], "eps", 0.3),
    "momentum": lambda network: setattr(network.layers[0].stages[2], "momentum", 0.4),
    "no tracking": lambda network: setattr(network.layers[0].stages[2], "track_running_stats", False),
    "another norm": lambda network: network.layers[0].stages.__setitem__(2, nn.BatchNorm2d(4, affine=False).double()),
    "a pooling with lists": lambda network: network.layers[0].stages.__setitem__(1, nn.MaxPool2d([2, 2], [2, 2])),
    "a norm without bias": lambda network: setattr(network.layers[0].stages[2], "bias", None),
    "no operations": lambda network: network.layers[1].stages.__setitem__(0, nn.Identity()),
    "frozen": lambda network: network.layers[1].requires_grad_(False),
    "statistics": lambda network: network.layers[0].stages[2].reset_running_stats(),
    "loaded": lambda network: network.load_state_dict(moved(network.state_dict())),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changes_between_steps(networks, change):
    masked, sparse = networks
    inputs = inputs_of(masked)
    for network in networks:
        step(network, inputs), network.zero_grad()
        change(network)
    assert_same(step(sparse, inputs), step(masked, inputs))
    assert is_native(sparse)


def test_evaluation_and_training_in_turn(networks):
    masked, sparse = networks
    inputs = inputs_of(masked)
    for trains in (True, False, True):
        masked.train(trains), sparse.train(trains)
        assert_same(step(sparse, inputs), step(masked, inputs))
    assert is_native(sparse)


def test_large_batches_and_autocast_are_not_for_it(networks):
    _, sparse = networks
    assert forward_in_one_call(sparse, inputs_of(sparse, MOST_SAMPLES)) is not None
    assert forward_in_one_call(sparse, inputs_of(sparse, MOST_SAMPLES + 1)) is None
    assert forward_in_one_call(sparse, inputs_of(sparse, 1)[:0]) is None
    assert forward_in_one_call(sparse, inputs_of(sparse).half()) is None
    assert forward_in_one_call(sparse, inputs_of(sparse).float()) is None
    with torch.autocast("cpu"):
        assert forward_in_one_call(sparse, inputs_of(sparse)) is None
    sparse.requires_grad_(False)
    assert not forward_in_one_call(sparse, inputs_of(sparse)).requires_grad
    assert forward_in_one_call(sparse, inputs_of(sparse).requires_grad_()).requires_grad


def test_a_tensor_of_another_size_is_not_read(networks):
    _, sparse = networks
    expected = sparse(inputs_of(sparse))
    bias = sparse.layers[0].bias
    sparse.layers[0].bias = nn.Parameter(bias[:1].detach())
    assert forward_in_one_call(sparse, inputs_of(sparse)) is None
    sparse.block_scripts.clear()
    assert forward_in_one_call(sparse, inputs_of(sparse)) is None
    sparse.layers[0].bias = bias
    assert torch.equal(sparse(inputs_of(sparse)), expected)


def test_large_maps_are_not_for_it(networks, monkeypatch):
    _, sparse = networks
    monkeypatch.setattr(_block_pass, "_MOST_BYTES", 1000)
    assert forward_in_one_call(sparse, inputs_of(sparse)) is None


def test_other_networks_are_not_for_it():
    circular = nn.Sequential(nn.Conv2d(2, 4, 3, padding=1, padding_mode="circular"), nn.Conv2d(4, 3, 3))
    masked, sparse = of(circular, (2, 6, 6))
    assert_same(step(sparse, inputs_of(sparse)), step(masked, inputs_of(masked)))
    assert not is_native(sparse)
    alone = build(plan_of(nn.Sequential(nn.Linear(2, 1), nn.Linear(1, 3), nn.Linear(3, 2)), torch.zeros(1, 2), 0.0))
    alone.layers[1].sources.clear(), alone.layers[1].links.__init__()
    assert forward_in_one_call(alone.use_backend("sparse"), torch.ones(3, 2)) is None


def test_hooks_on_all_modules_are_called(networks):
    _, sparse = networks
    step(sparse, inputs_of(sparse))
    called = []
    handle = nn.modules.module.register_module_forward_hook(lambda module, *_: called.append(type(module)))
    try:
        with pytest.warns(UserWarning, match="all modules have hooks"):
            sparse(inputs_of(sparse))
    finally:
        handle.remove()
    assert nn.BatchNorm2d in called


def test_two_passes_before_one_backward(networks):
    masked, sparse = networks
    for network in networks:
        outputs = [network(inputs_of(network, seed=seed)) for seed in range(2)]
        (weighed(outputs[0]) + weighed(outputs[1]).square()).backward()
    assert_same(left(sparse), left(masked))


def test_gradients_add_up_over_passes(networks):
    masked, sparse = networks
    for seed in range(3):
        found, expected = (step(network, inputs_of(network, seed=seed)) for network in (sparse, masked))
        assert_same(found, expected)


def test_a_graph_that_is_kept_gives_the_same_twice(networks):
    _, sparse = networks
    output = weighed(sparse(inputs_of(sparse)))
    parameters = list(sparse.parameters())
    first = torch.autograd.grad(output, parameters, retain_graph=True)
    for left_one, right in zip(first, torch.autograd.grad(output, parameters), strict=True):
        assert torch.equal(left_one, right)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        torch.autograd.grad(output, parameters)


def test_second_derivatives_are_refused(networks):
    _, sparse = networks
    with pytest.raises(Exception, match=r"second derivative|masked"):
        torch.autograd.grad(weighed(sparse(inputs_of(sparse))), list(sparse.parameters()), create_graph=True)


def test_weights_that_change_before_the_backward_pass_are_an_error(networks):
    for network in networks:
        output = weighed(network(inputs_of(network)))
        with torch.no_grad():
            network.layers[1].links[0].weight.mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            output.backward()


def test_some_gradients_alone(networks):
    inputs = inputs_of(networks[0]).requires_grad_()
    for wanted in (lambda network: [*network.layers[1].parameters()], lambda _: [inputs]):
        expected, found = (torch.autograd.grad(weighed(network(inputs)), wanted(network)) for network in networks)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other)


def test_recomputed_passes_and_tensors_that_are_kept_elsewhere(networks):
    masked, sparse = networks
    for network in networks:
        weighed(checkpoint(network, inputs_of(network), use_reentrant=False)).backward()
        with torch.autograd.graph.save_on_cpu():
            output = network(inputs_of(network, seed=1))
        weighed(output).backward()
    assert_same(left(sparse), left(masked))
    assert is_native(sparse)


def test_copies_take_steps_of_their_own(networks):
    _, sparse = networks
    inputs = inputs_of(sparse)
    sparse(inputs)
    for made in (copy.deepcopy(sparse), pickle.loads(pickle.dumps(sparse))):
        assert not made.block_scripts
        with torch.no_grad():
            made.layers[1].links[0].weight.mul_(2)
        expected = step(copy.deepcopy(made).use_backend("masked"), inputs)
        assert_same(step(made, inputs), expected)


def test_twenty_updates_follow_dense_convolutions():
    masked, sparse = pair("images")
    optimizers = [torch.optim.SGD(network.parameters(), 0.02, momentum=0.9) for network in (masked, sparse)]
    for number in range(20):
        for network, optimizer in zip((masked, sparse), optimizers, strict=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(inputs_of(network, 3, number)), torch.arange(3)).backward()
            optimizer.step()
    assert_same(dict(sparse.named_parameters()), dict(masked.named_parameters()), 1e-6)


def test_outputs_are_their_owners_to_change(networks):
    masked, sparse = networks
    for network in networks:
        output = network(inputs_of(network))
        weighed(output.mul_(2).relu_()).backward()
    assert_same(left(sparse), left(masked))
    first = sparse(inputs_of(sparse))
    kept = first.detach().clone()
    sparse(inputs_of(sparse, seed=1))
    assert torch.equal(first, kept)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_goes_through(networks, value):
    masked, sparse = networks
    for network in networks:
        network.layers[0].stages[2] = nn.Identity()
    inputs = inputs_of(masked)
    inputs[0, 0, 3, 3] = value
    found, expected = step(sparse, inputs), step(masked, inputs)
    assert torch.equal(found["output"].isfinite(), expected["output"].isfinite())
    torch.testing.assert_close(found["output"][1:], expected["output"][1:])
    assert is_native(sparse)


def test_inputs_in_any_layout(networks):
    _, sparse = networks
    inputs = inputs_of(sparse)
    expected = step(copy.deepcopy(sparse), inputs)
    for given in (inputs.contiguous(memory_format=torch.channels_last), inputs.repeat_interleave(2, 3)[..., ::2]):
        assert_same(step(copy.deepcopy(sparse), given), expected, 1e-15)


@pytest.mark.parametrize("is_shared", [True, False])
def test_threads_of_python_at_once(networks, is_shared):
    """Each thread finds the gradients of its own inputs, which a network that is shared does not mix up."""
    _, sparse = networks
    batches = [inputs_of(sparse, seed=seed) for seed in range(2)]
    expected = [gradient_of(sparse, inputs) for inputs in batches]
    copies = [sparse, sparse if is_shared else copy.deepcopy(sparse)]
    wrong, start = [], threading.Barrier(2)

    def work(number):
        start.wait()
        for _ in range(10):
            wrong.append(not torch.equal(gradient_of(copies[number], batches[number]), expected[number]))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == [False] * 20


def gradient_of(network, inputs):
    source = inputs.clone().requires_grad_()
    return torch.autograd.grad(weighed(network(source)), source)[0]


def test_few_kinds_of_steps_are_kept(networks, monkeypatch):
    monkeypatch.setattr(_block_pass, "_made", lambda *_, **__: None)
    monkeypatch.setattr(_block_pass, "_MOST_KINDS", 3)
    _, sparse = networks
    for batch, kept in ((1, 1), (2, 2), (3, 3), (3, 3), (4, 1), (1, 2)):
        forward_in_one_call(sparse, inputs_of(sparse, batch))
        assert len(sparse.block_scripts) == kept
