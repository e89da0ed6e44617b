import copy
import warnings

import pytest
import torch
from networks import plan_of
from test_sparse import normal
from torch import nn
from torch.nn.utils import parametrize, prune

from swann.nn import build
from swann.nn._uncalled import Uncalled, parts_of

MODULES = {
    "layer": "layers.1",
    "link": "layers.2.links.1",
    "dropouts": "layers.2.dropout",
    "dropout": "layers.2.dropout.dropouts.0",
    "stages": "layers.0.stages",
    "relu": "layers.0.stages.0",
    "pool": "layers.0.stages.1",
    "norm": "layers.0.stages.2",
    "tanh": "layers.1.stages.0",
    "flatten": "layers.1.stages.1",
    "input stages": "input_stages",
}
NOT_CALLED = {"sparse": ("layer", "link", "dropouts", "dropout", "stages"), "joined": ("link",)}
EXPECTED = "module {} has {}, and the kernels of backend '{}' do not call it: the small-world network is computed"


def network_of(backend="masked"):
    model = nn.Sequential(
        *(nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(6), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 8, 3, padding=1), nn.Tanh(), nn.Flatten(), nn.Dropout(0.0)),
        *(nn.Linear(8 * 16, 12), nn.ReLU(), nn.Dropout(0.0), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 4)),
    )
    return build(plan_of(model, torch.zeros(1, 2, 8, 8), 0.6)).double().use_backend(backend)


def tensors(values):
    """Return the tensors among values, as they are now."""
    if isinstance(values, torch.Tensor):
        return [values.detach().clone()]
    return [each for value in values for each in tensors(value)] if isinstance(values, (list, tuple)) else []


def times(factor, values):
    if isinstance(values, (list, tuple)):
        return type(values)(times(factor, each) for each in values)
    return factor * values if isinstance(values, torch.Tensor) else values


def listen(module, how, calls):
    """Note what a module is given and returns, and change it."""

    def with_output(_, inputs, output):
        calls.append((tensors(inputs), tensors(output)))
        return times(2, output)

    def before(_, inputs):
        calls.append(tensors(inputs))
        return times(3, inputs)

    def of_gradients(_, of_inputs, of_outputs):
        calls.append((tensors(of_inputs), tensors(of_outputs)))
        return times(2, of_inputs)

    if how == "own forward":
        forward = module.forward
        module.forward = lambda *inputs: with_output(module, inputs, forward(*inputs))
    else:
        register, hook = {
            "forward hook": (module.register_forward_hook, with_output),
            "pre-hook": (module.register_forward_pre_hook, before),
            "backward hook": (module.register_full_backward_hook, of_gradients),
        }[how]
        register(hook)


def run(network, name, how, images, trains):
    """Return what is noted of a module, and the network's results."""
    network, calls = copy.deepcopy(network).train(trains), []
    listen(network.get_submodule(name), how, calls)
    if not torch.is_grad_enabled():
        return calls, network(images)
    images = images.clone().requires_grad_()
    output = network(images)
    gradients = torch.autograd.grad(output.square().sum(), [images, *network.parameters()])
    assert calls
    return calls, output, *gradients


@pytest.mark.parametrize("batch", [2, 16])
@pytest.mark.parametrize("how", ["forward hook", "pre-hook", "backward hook", "own forward"])
def test_who_listens_hears_and_changes_the_same_as_in_a_masked_network(batch, how):
    masked, images = network_of(), normal(batch, 2, 8, 8)
    others = {backend: copy.deepcopy(masked).use_backend(backend) for backend in NOT_CALLED}
    for what, name in MODULES.items():
        if (what, how) == ("layer", "backward hook"):
            continue  # it is given a list of maps, whose gradients no hook sees
        for trains in (True, False) if batch == 16 else (False,):
            with torch.set_grad_enabled(trains or how == "backward hook"):
                expected = run(masked, name, how, images, trains)
                for backend, network in others.items():
                    with warnings.catch_warnings(record=True) as caught:
                        warnings.simplefilter("always")
                        found = run(network, name, how, images, trains)
                    torch.testing.assert_close(found, expected)
                    has = "a forward of its own" if how == "own forward" else "a hook"
                    messages = [EXPECTED.format(name, has, backend)] * (what in NOT_CALLED[backend])
                    assert [str(each.message)[: len(messages[0])] for each in caught] == messages


@torch.no_grad()
@pytest.mark.parametrize("batch", [2, 16])
def test_a_hook_counts_from_its_registration_to_its_removal(batch):
    network, calls = network_of("sparse").eval(), []
    images = normal(batch, 2, 8, 8)
    network(images)
    link = network.layers[2].links[1]
    for _ in range(2):
        handle = link.register_forward_hook(lambda *_: calls.append(1))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            network(images)
        handle.remove()
        network(images)
    assert calls == [1, 1]
    assert not caught  # the network warns once
    link._forward_hooks = {0: lambda *_: calls.append(1)}
    network(images)
    assert len(calls) == 3


@pytest.mark.parametrize("backend", NOT_CALLED)
def test_hooks_on_all_modules(backend):
    masked, images = network_of(), normal(3, 2, 8, 8)
    network = copy.deepcopy(masked).use_backend(backend)
    calls = []
    register = nn.modules.module.register_module_forward_hook
    handle = register(lambda module, inputs, output: calls.append((type(module), tensors(inputs), tensors(output))))
    try:
        masked(images)
        expected, calls = calls, []
        with pytest.warns(UserWarning, match=f"^all modules have hooks, and the kernels of backend '{backend}' do not"):
            network(images)
    finally:
        handle.remove()
    assert len(calls) > 20
    assert [kind for kind, *_ in calls] == [kind for kind, *_ in expected]
    torch.testing.assert_close([each for _, *each in calls], [each for _, *each in expected])


@torch.no_grad()
def test_links_that_are_dense_beside_sparse_ones():
    network, images = network_of("auto").eval(), normal(3, 2, 8, 8)
    expected = copy.deepcopy(network).use_backend("masked")(images)
    network._choice = lambda _: tuple(
        tuple(number % 2 == 0 for number in range(len(layer.sources))) for layer in network.each_layer()
    )
    calls = []
    network.layers[3].links[0].register_forward_hook(lambda *_: calls.append(1))
    with pytest.warns(UserWarning, match="backend 'auto'"):
        torch.testing.assert_close(network(images), expected)
    assert calls == [1]


def test_a_network_that_is_dense_anyway_does_not_warn():
    network = network_of("auto").eval()
    network._choice = lambda _: tuple((True,) * len(layer.sources) for layer in network.each_layer())
    calls = []
    network.layers[3].register_forward_hook(lambda *_: calls.append(1))
    network(normal(3, 2, 8, 8))
    assert calls == [1]


class Tanh(nn.Module):
    """An operation over the batch, with the name of one on each number."""

    def forward(self, maps):
        return maps.flip(0)


class Half(nn.Module):
    def forward(self, weight):
        return weight / 2


class Doubled(nn.Module):
    def __init__(self, link):
        super().__init__()
        self.link = link
        self.make_index, self.weight = link.make_index, link.weight

    def forward(self, *given):
        return 2 * self.link(*given)


def replace_link(network):
    link = copy.deepcopy(network.layers[2].links[1])
    link.weight.data.mul_(3)
    network.layers[2].links[1] = link


def wrap_link(network):
    network.layers[2].links[1] = Doubled(network.layers[2].links[1])


def prune_all(network, *, remove=False):
    links = [(link, "weight") for layer in network.each_layer() for _, link in layer.each_link()]
    prune.global_unstructured(links, prune.L1Unstructured, amount=0.5)
    for link, name in links if remove else ():
        prune.remove(link, name)


CHANGES = {
    "another operation": lambda network: network.layers[0].stages.__setitem__(0, nn.GELU()),
    "an operation of another name": lambda network: network.layers[1].stages.__setitem__(0, Tanh()),
    "other operations": lambda network: setattr(network.layers[1], "stages", nn.Sequential(nn.SiLU(), nn.Flatten())),
    "no bias": lambda network: setattr(network.layers[1], "bias", None),
    "another link": replace_link,
    "a computed weight": lambda network: parametrize.register_parametrization(
        network.layers[2].links[1], "weight", Half()
    ),
    "a computed bias": lambda network: parametrize.register_parametrization(network.layers[1], "bias", Half()),
    "a norm of other weights": lambda network: parametrize.register_parametrization(
        network.layers[0].stages[2], "weight", Half()
    ),
    "weights that were pruned": lambda network: prune_all(network, remove=True),
}
MASKED_CHANGES = {
    "weights that are pruned": prune_all,
    "a wrapped link": wrap_link,
    "no dropout": lambda network: setattr(network.layers[2], "dropout", nn.Identity()),
    "another dropout": lambda network: network.layers[2].dropout.dropouts.__setitem__(0, nn.Tanh()),
}


def assert_changed_alike(change, batch):
    masked, images = network_of().eval(), normal(batch, 2, 8, 8)
    network = copy.deepcopy(masked).use_backend("sparse")
    with torch.no_grad():
        network(images)
    for each in (masked, network):
        change(each)
    with torch.no_grad():
        expected = masked(images)
        torch.testing.assert_close(network(images), expected)
    found, expected = (
        torch.autograd.grad(each(images).square().sum(), list(each.parameters()), allow_unused=True)
        for each in (network, masked)
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("batch", [2, 16])
@pytest.mark.parametrize("change", CHANGES)
def test_modules_that_are_put_in_the_place_of_others_between_passes(change, batch):
    assert_changed_alike(CHANGES[change], batch)


@pytest.mark.parametrize("change", MASKED_CHANGES)
def test_modules_that_kernels_cannot_stand_for(change):
    with pytest.warns(UserWarning, match="computed by masked dense convolutions"):
        assert_changed_alike(MASKED_CHANGES[change], 2)


def test_a_bias_that_a_layer_is_given_later():
    network, images = network_of("sparse").eval(), normal(2, 2, 8, 8)
    network.layers[1].bias = None
    with torch.no_grad():
        before = network(images)
        network.layers[1].bias = nn.Parameter(torch.ones(8, dtype=torch.float64))
        found = network(images)
        assert not torch.allclose(found, before)
        torch.testing.assert_close(found, network.use_backend("masked")(images))


def test_what_is_watched():
    network = network_of("sparse")
    uncalled = Uncalled(network)
    assert uncalled.parts == parts_of(network)
    assert uncalled.must_be_called() is None
    link = network.layers[2].links[1]
    link.register_full_backward_hook(lambda *_: None)
    assert uncalled.must_be_called() == uncalled.must_be_called(links_alone=True) == (link, "a hook")
    with torch.no_grad():
        assert uncalled.must_be_called() is None
    network.layers[2].links[1] = copy.deepcopy(link)
    assert uncalled.parts != parts_of(network)


@torch.no_grad()
def test_copies_hear_their_own_hooks():
    network, images, calls = network_of("sparse").eval(), normal(2, 2, 8, 8), []
    network(images)
    other = copy.deepcopy(network)
    other.layers[1].register_forward_hook(lambda *_: calls.append(1))
    network(images)
    assert not calls
    with pytest.warns(UserWarning, match="module layers.1 has a hook"):
        torch.testing.assert_close(other(images), network(images))
    assert calls == [1]


def test_compiled_with_hooks():
    network, images = network_of("sparse").eval(), normal(2, 2, 8, 8)
    for name in ("layers.2.links.1", "layers.1.stages.1"):
        network.get_submodule(name).register_forward_hook(lambda *given: 2 * given[-1])
    compiled = torch.compile(network, backend="aot_eager", fullgraph=True)
    with pytest.warns(UserWarning, match="module layers.2.links.1 has a hook"):
        found = compiled(images)
    torch.testing.assert_close(found, copy.deepcopy(network).use_backend("masked")(images))
