import copy
import pickle

import pytest
import torch
from networks import IMAGES, plan_of, twin
from test_sparse import MODELS, assert_near, normal, pair
from torch import nn

from swann.convert import convert
from swann.models import densenet40
from swann.nn import build
from swann.nn._small_batch import forward_small, reading

PRECISION = {torch.float32: 1e-5, torch.float64: 1e-12}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", PRECISION)
def test_outputs_equal_those_of_dense_convolutions(name, dtype):
    masked, sparse, shape = pair(name, dtype=dtype)
    masked.eval(), sparse.eval()
    exact = copy.deepcopy(masked).double()
    for batch in (1, 2, 5, 7):
        inputs = normal(batch, *shape)
        with torch.no_grad():
            assert_near(sparse(inputs.to(dtype)).double(), exact(inputs), PRECISION[dtype])


def test_they_equal_those_with_gradients_in_training_mode_too():
    _, sparse, shape = pair("stages")
    inputs = normal(5, *shape)
    expected, other = sparse.train()(inputs), copy.deepcopy(sparse)
    with torch.no_grad():
        assert_near(other(inputs), expected, 1e-12)


def test_dense_and_sparse_links_together():
    network = twin(0.6).double().eval().use_backend("masked")
    images = IMAGES.double()
    expected = network(images)
    network.use_backend("sparse")
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        choice = tuple(
            tuple((torch.rand(len(layer.sources), generator=generator) < 0.5).tolist())
            for layer in network.each_layer()
        )
        with torch.no_grad():
            torch.testing.assert_close(forward_small(network, images, choice), expected)


def test_what_each_map_is_read_as():
    """A link that pads its map with other numbers than zeros lays it out for itself, after padding."""
    network = twin(0.7)
    found = reading(network, None, 1, 16)
    shared = {
        (source, arrangement)
        for layer in found.layers
        for source, link, arrangement in zip(layer.sources, layer.sparse, layer.arrangements, strict=True)
        if not link.pads_otherwise
    }
    assert any(link.pads_otherwise for layer in found.layers for link in layer.sparse)
    assert {(source, each) for source, wanted in found.wanted.items() for each in wanted} == shared
    done = [source for after in found.done for source in after]
    assert sorted(done) == list(range(len(network.layers) + 1))
    for number, after in enumerate(found.done, start=1):
        assert all(network.last_reader.get(source, number) == number for source in after)


@torch.no_grad()
def test_a_dropout_that_is_left_on_drops_for_each_link():
    inputs = torch.ones(4, 6)
    model = nn.Sequential(nn.Linear(6, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU(), nn.Dropout(0.5), nn.Linear(40, 3))
    network = build(plan_of(model, inputs, 0.6)).use_backend("sparse").eval()
    assert torch.equal(network(inputs), network(inputs))
    network.layers[-1].dropout.dropouts.train()
    assert not torch.equal(network(inputs), network(inputs))


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_keeps_sums_in_single_precision(dtype):
    network, images = twin(0.6).use_backend("sparse").eval(), normal(3, 2, 27, 27).float()
    expected = network(images)
    found = copy.deepcopy(network).to(dtype)(images.to(dtype))
    assert found.dtype == dtype
    torch.testing.assert_close(found.float(), expected, rtol=0.1, atol=0.1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        lowered = network(images)
    assert lowered.dtype == torch.bfloat16
    torch.testing.assert_close(lowered.float(), expected, rtol=0.1, atol=0.1)


@torch.no_grad()
def test_weights_that_change_are_read_anew():
    network = twin(0.6).use_backend("sparse").eval()
    before = network(IMAGES)
    for parameter in network.parameters():
        parameter.mul_(1.5)
    changed = network(IMAGES)
    assert not torch.allclose(changed, before)
    loaded = build(network.plan, seed=7).use_backend("sparse").eval()
    loaded(IMAGES)
    loaded.load_state_dict(network.state_dict(), assign=True)
    assert torch.equal(loaded(IMAGES), changed)
    assert torch.equal(copy.deepcopy(network)(IMAGES), changed)
    assert torch.equal(pickle.loads(pickle.dumps(network))(IMAGES), changed)


@torch.no_grad()
def test_a_dense_block_hands_on_all_its_maps():
    model = densenet40(width=0.25)
    dense_net = convert(model, torch.zeros(1, 3, 32, 32), p=0.5, seed=0).eval()
    images = normal(2, 3, 32, 32).float()
    expected = dense_net.use_backend("masked")(images)
    torch.testing.assert_close(dense_net.use_backend("sparse")(images), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [(4, 6), (5, 6), (4, 4)])
@pytest.mark.parametrize(
    "pool", [nn.MaxPool2d(2), nn.MaxPool2d(2, padding=1), nn.MaxPool2d(3, 2), nn.MaxPool2d((2, 2))]
)
def test_halving_by_maxima_is_max_pooling(pool, size):
    model = nn.Sequential(nn.Conv2d(1, 3, 1), pool, nn.Conv2d(3, 2, 1))
    network = build(plan_of(model, torch.zeros(1, 1, *size), 0.0)).use_backend("sparse")
    for value in (0.0, float("nan"), float("inf")):
        images = normal(2, 1, *size).float()
        images[0, 0, 1, 1] = value
        expected = copy.deepcopy(network).use_backend("masked")(images)
        torch.testing.assert_close(network(images), expected, equal_nan=True)
    calls = []
    network.layers[0].stages[0].register_forward_hook(lambda *_: calls.append(1))
    network(images)
    assert calls == [1]
