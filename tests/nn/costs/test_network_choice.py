import pytest
import torch
from networks import IMAGES, twin

from swann.nn.costs import LinkCosts, choose_for
from swann.nn.costs._kept import TYPICAL

FREE, DEAR = (0.0,) * 6, (1.0, *(0.0,) * 5)


def test_cheap_ways_are_chosen_for_each_kind_of_link():
    network = twin(0.6)
    ends_at_linear = [[link.geometry is None for _, link in layer.each_link()] for layer in network.each_layer()]
    assert any(map(any, ends_at_linear))
    assert not all(map(all, ends_at_linear))
    dense_linear = LinkCosts(sparse=(0.5, *(0.0,) * 5), convolution=DEAR, linear=FREE, moved=0.0)
    assert choose_for(network, 32, dense_linear) == tuple(map(tuple, ends_at_linear))
    all_sparse = LinkCosts(sparse=FREE, convolution=DEAR, linear=DEAR, moved=0.0)
    assert not any(map(any, choose_for(network, 32, all_sparse)))


@pytest.mark.parametrize("batch", [1, 16])
def test_auto_computes_what_it_chose(batch, monkeypatch):
    """Half of all links in a drawn order: maps go both ways between the two forms."""
    network = twin(0.6).double().eval()
    images = IMAGES.double()[:1].expand(batch, *IMAGES.shape[1:])
    network.use_backend("masked").zero_grad()
    expected = network(images)
    expected.square().sum().backward()
    gradients = [parameter.grad.clone() for parameter in network.parameters()]
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        choice = tuple(
            tuple((torch.rand(len(layer.sources), generator=generator) < 0.5).tolist())
            for layer in network.each_layer()
        )
        monkeypatch.setattr("swann.nn._network.choose_for", lambda *_, choice=choice, **__: choice)
        network.use_backend("auto").zero_grad()
        output = network(images)
        output.square().sum().backward()
        torch.testing.assert_close(output, expected)
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            torch.testing.assert_close(parameter.grad, gradient)


def test_a_choice_is_made_once_for_each_batch_and_pass(monkeypatch):
    network, batches = twin(0.6).use_backend("auto").eval(), []

    def choose(of, batch, costs, *, trains, mixes):
        batches.append((batch, costs, trains, mixes))
        return choose_for(of, batch, costs, trains=trains, mixes=mixes)

    monkeypatch.setattr("swann.nn._network.choose_for", choose)
    monkeypatch.setattr("swann.nn._network.costs_here", TYPICAL.on)
    for _ in range(2):
        network(IMAGES[:2])
        with torch.inference_mode():
            network(IMAGES[:2])
    costs = TYPICAL.on(torch.get_num_threads())
    assert batches == [(2, costs.training, True, False), (2, costs.inference, False, True)]
