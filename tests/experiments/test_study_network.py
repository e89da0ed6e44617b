import pytest
import torch

from swann import InvalidValueError, convert
from swann.data import load
from swann.experiments import StudyNetwork
from swann.experiments._study_network import network_factory
from swann.models import create
from swann.nn import fan_ins
from swann.smallworld import small_worldness


@pytest.fixture(scope="module")
def data():
    return load("digits").subset(40, 20)


def make(seed, **more):
    return create("swann:plain20", in_channels=1, n_classes=10, image_size=8, width=0.25, seed=seed, **more)


def build(data, seed=0, **settings):
    return network_factory(StudyNetwork(**settings), make, data)(seed)


def links(network):
    """Yield the number of each layer, the layer, the number of a source and the link."""
    for number, layer in enumerate(network.each_layer(), start=1):
        for source, link in layer.each_link():
            yield number, layer, source, link


def test_long_links_are_scaled_and_the_others_are_not(data):
    plain, scaled, zero = (build(data, p=0.5, long_scale=scale) for scale in (1.0, 0.25, 0.0))
    kinds = set()
    for (number, _, source, link), (*_, less), (*_, none) in zip(links(plain), links(scaled), links(zero), strict=True):
        long = source < number - 1
        kinds.add(long)
        assert torch.equal(less.weight, link.weight * (0.25 if long else 1))
        assert torch.equal(none.weight, link.weight * (0 if long else 1))
    assert kinds == {True, False}


def test_short_links_are_scaled_where_long_ones_end_beside_them(data):
    plain, scaled = build(data, p=0.5), build(data, p=0.5, short_scale=0.25)
    kinds = set()
    for (number, layer, source, link), (*_, less) in zip(links(plain), links(scaled), strict=True):
        beside = source == number - 1 and len(layer.links) > 1
        kinds.add((source == number - 1, beside))
        assert torch.equal(less.weight, link.weight * (0.25 if beside else 1))
    assert kinds == {(True, True), (True, False), (False, False)}


def test_dense_initialisation_has_the_variance_of_the_layer_without_rewiring(data):
    sparse, dense = build(data, p=0.5), build(data, p=0.5, initialisation="dense")
    chain = sparse.plan.chain
    for (number, layer, _, link), (*_, other) in zip(links(sparse), links(dense), strict=True):
        spec = chain.layers[number - 1]
        without = spec.n_inputs * (9 if len(spec.kernel) == 2 and spec.kernel == (3, 3) else 1)
        factors = (fan_ins(layer)[link.mask.nonzero()[:, 0]] / without).sqrt()
        expected = link.weight * factors.view(-1, *(1,) * len(link.kernel))
        torch.testing.assert_close(other.weight, expected)


def test_the_rewiring_of_the_largest_s_is_taken(data):
    found = build(data, p=0.5, draws=4, seed=3)
    of_all = [small_worldness(build(data, p=0.5, seed=12 + draw).plan.rewiring.graph).S for draw in range(4)]
    assert pytest.approx(max(of_all)) == small_worldness(found.plan.rewiring.graph).S


def test_a_model_with_shortcuts_is_the_one_that_the_factory_makes(data):
    with_them, without = build(data, converted=False, shortcuts=True), build(data, converted=False)
    images = torch.rand(2, 1, 8, 8)
    assert sum(p.numel() for p in with_them.parameters()) == sum(p.numel() for p in without.parameters())
    assert not torch.equal(with_them.eval()(images), without.eval()(images))


@pytest.mark.parametrize(
    "settings",
    [
        {"p": 0.5, "wiring": "less clustered"},
        {"p": 0.5, "first_layer": False, "stride": "pooled"},
        {"p": 0.5, "dropout": 0.25, "lr_by_in_degree": 0.5, "decay_by_in_degree": -1.0},
        {"p": 0.5, "long_kernel": "pointwise", "linear_kernel": "pointwise", "stride": "pooled"},
        {"rival": "dnw"},
        {"rival": "randwire", "dropout": 0.0},
    ],
)
def test_variants_are_trained_on_the_images_of_the_data(data, settings):
    network = build(data, **settings)
    assert network(torch.rand(4, 1, 8, 8)).shape == (4, 10)


def test_dropout_is_of_what_flows_into_each_layer_but_the_first(data):
    layers = build(data, p=0.5, dropout=0.25).each_layer()
    assert not layers[0].dropout.dropouts
    assert all([dropout.p for dropout in layer.dropout.dropouts] == [0.25] for layer in layers[1:])


def test_settings_of_convert_alone_give_its_twin(data):
    plain, same = build(data, p=0.5, seed=2), convert(make(2), torch.zeros(1, 1, 8, 8), 0.5, seed=2)
    assert plain.plan == same.plan
    assert all(torch.equal(a, b) for a, b in zip(plain.parameters(), same.parameters(), strict=True))


def test_dense_blocks_have_no_variants(data):
    def dense(seed, **more):
        return create("swann:densenet40", in_channels=1, n_classes=10, image_size=8, width=0.25, seed=seed)

    with pytest.raises(InvalidValueError, match="stride: for chains of layers alone; the model has dense blocks"):
        network_factory(StudyNetwork(p=0.5, stride="pooled"), dense, data)(0)
