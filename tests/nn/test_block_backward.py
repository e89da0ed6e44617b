import pytest
import torch
from block_passes import assert_same, inputs_of, is_native, pair, step


def biases(network):
    return {id(layer.bias) for layer in network.each_layer() if layer.bias is not None}


FROZEN = {
    "all but the last layer": lambda network: network.each_layer()[:-1],
    "the last layer": lambda network: network.each_layer()[-1:],
    "all but the first layer": lambda network: network.each_layer()[1:],
    "weights": lambda network: [link.weight for layer in network.each_layer() for _, link in layer.each_link()],
    "biases": lambda network: [each for each in network.parameters() if id(each) in biases(network)],
    "norms": lambda network: [layer.stages for layer in network.each_layer()],
    "some": lambda network: list(network.parameters())[::3],
    "all but a norm": lambda network: [
        each for each in network.parameters() if each is not network.layers[1].stages[1].weight
    ],
}


@pytest.mark.parametrize("of_inputs", [True, False], ids=["with inputs", "without inputs"])
@pytest.mark.parametrize("frozen", FROZEN.values(), ids=FROZEN)
def test_what_is_frozen_has_no_gradient_and_the_rest_has_the_same(frozen, of_inputs):
    masked, sparse = pair("images")
    for network in (masked, sparse):
        for part in frozen(network):
            part.requires_grad_(False)
    images = inputs_of(masked)
    assert_same(step(sparse, images, of_inputs), step(masked, images, of_inputs))
    assert is_native(sparse)


def test_inputs_alone_have_a_gradient():
    masked, sparse = pair("images")
    masked.requires_grad_(False), sparse.requires_grad_(False)
    images = inputs_of(masked)
    assert_same(step(sparse, images), step(masked, images))
    assert is_native(sparse)
    assert next(iter(sparse.block_scripts.values())).n_numbers == 0


def test_layers_that_nothing_is_asked_of_are_left_out():
    _, sparse = pair("images")
    sparse(inputs_of(sparse))
    for layer in sparse.each_layer()[:-1]:
        layer.requires_grad_(False)
    sparse(inputs_of(sparse))
    whole, last = (scripts.backward for scripts in sparse.block_scripts.values())
    assert last.n_turns == 3  # two for the bias, its sums and their total, and one for all links' weights
    assert whole.n_turns > 10 * last.n_turns


def test_what_is_frozen_may_change():
    masked, sparse = pair("images")
    images = inputs_of(masked)
    for frozen in (FROZEN["weights"], FROZEN["biases"], lambda _: []):
        for network in (masked, sparse):
            network.requires_grad_(True).zero_grad()
            for part in frozen(network):
                part.requires_grad_(False)
        assert_same(step(sparse, images), step(masked, images))
    assert len(sparse.block_scripts) == 3


def test_gradients_do_not_change_what_flows_back():
    """The gradient of the output belongs to autograd: two readers of it see the same."""
    _, sparse = pair("neurons")
    inputs = inputs_of(sparse)
    output = sparse(inputs)
    gradient = torch.ones_like(output)
    output.backward(gradient)
    assert torch.equal(gradient, torch.ones_like(output))
