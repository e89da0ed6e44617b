import copy

import pytest
import torch
from dense_nets import IMAGES as DENSE_IMAGES
from dense_nets import dense_net
from torch import nn

import swann
from swann import InvalidValueError, SmallWorldDenseNet, TraceError, UnknownNameError


def model():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3, padding=1),
        nn.ReLU(), nn.Flatten(), nn.Linear(128, 20), nn.ReLU(), nn.Linear(20, 4),
    )  # fmt: skip


IMAGES = torch.zeros(2, 1, 8, 8)


def test_one_call_gives_the_twin():
    baseline = model()
    before, modes = copy.deepcopy(baseline.state_dict()), baseline.training
    twin = swann.convert(baseline, IMAGES, p=0.4, seed=3)
    assert twin(IMAGES).shape == (2, 4)
    assert sum(p.numel() for p in twin.parameters()) == sum(p.numel() for p in baseline.parameters())
    assert twin.plan.rewiring.rewiring_probability == 0.4
    assert twin.plan.order == "paper"
    assert [stage.operation for stage in twin.plan.stages(twin.plan.chain.layers[0])] == [
        "ReLU",
        "MaxPool2d",
        "BatchNorm2d",
    ]
    assert baseline.training == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in baseline.state_dict().items())


def test_the_twin_is_of_the_type_of_the_model():
    twin = swann.convert(model().double(), IMAGES.double(), p=0.4)
    assert twin(IMAGES.double()).dtype == torch.float64


@pytest.mark.parametrize("measure", [swann.search, swann.small_worldness, lambda graph: swann.rewire(graph, p=0.5)])
def test_what_is_no_graph_is_refused(measure):
    with pytest.raises(InvalidValueError, match=r"expected a graph, got Sequential; make one: swann.trace"):
        measure(model())


def test_without_p_the_search_finds_it():
    twin = swann.convert(model(), IMAGES)
    assert (
        twin.plan.rewiring.rewiring_probability
        == swann.search(swann.trace(model(), IMAGES).graph(), near_maximum=True).best_p
    )


@pytest.mark.parametrize("granularity", [2, 8, 20])
def test_blocks_keep_the_number_of_weights(granularity):
    twin = swann.convert(model(), IMAGES, 0.7, seed=1, granularity=granularity)
    assert twin.plan.rewiring.granularity == granularity
    assert sum(p.numel() for p in twin.parameters()) == sum(p.numel() for p in model().parameters())
    assert twin(IMAGES).shape == (2, 4)


def test_the_search_is_over_blocks_too():
    graph = swann.trace(model(), IMAGES).graph()
    found = swann.search(graph, near_maximum=True, granularity=4).best_p
    assert swann.convert(model(), IMAGES, granularity=4).plan.rewiring.rewiring_probability == found


def test_the_seed_decides_wiring_and_weights():
    baseline = model()
    one, same, other = (swann.convert(baseline, IMAGES, 0.5, seed=seed) for seed in (1, 1, 2))
    assert one.plan == same.plan
    assert all(map(torch.equal, one.parameters(), same.parameters()))
    assert one.plan.rewiring.graph != other.plan.rewiring.graph


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"p": 1.5}, InvalidValueError, "p must be a number from 0 to 1, got 1.5"),
        ({"p": "0.5"}, InvalidValueError, "p must be a number from 0 to 1, got '0.5'"),
        ({"p": True}, InvalidValueError, "p must be a number from 0 to 1, got True"),
        ({"p": 0.5, "seed": -1}, InvalidValueError, "the seed must be a whole number from 0 to .*, got -1"),
        ({"seed": 1.5}, InvalidValueError, "the seed must be a whole number from 0 to .*, got 1.5"),
        ({"p": 0.5, "draw": "edges"}, UnknownNameError, "unknown draw 'edges': did you mean 'nodes'"),
        ({"granularity": 0}, InvalidValueError, "the granularity must be a whole number of at least 1, got 0"),
        ({"p": 0.5, "granularity": 64}, InvalidValueError, "no hidden layer has more than 20 neighbouring channels"),
        ({"p": 0.5, "order": "mine"}, UnknownNameError, "unknown order 'mine'"),
    ],
)
def test_bad_options_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        swann.convert(model(), IMAGES, **arguments)


@pytest.mark.parametrize("backend", ["masked", "sparse", "auto"])
def test_the_backend_can_be_chosen_at_once(tmp_path, backend):
    twin = swann.convert(model(), IMAGES, 0.5, backend=backend)
    assert twin.backend == backend
    swann.save(twin, tmp_path / "twin.safetensors")
    assert swann.load(tmp_path / "twin.safetensors", backend=backend).backend == backend
    with pytest.raises(UnknownNameError, match="unknown backend 'spares': did you mean 'sparse'"):
        swann.load(tmp_path / "twin.safetensors", backend="spares")  # type: ignore[arg-type]


def test_a_model_that_is_no_chain_is_refused():
    with pytest.raises(TraceError, match="Sequential has fewer than two convolution or linear layers"):
        swann.convert(nn.Sequential(nn.Linear(3, 2), nn.ReLU()), torch.zeros(1, 3), 0.5)


def test_a_network_too_sparse_for_a_search_says_so():
    sparse = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
    with pytest.raises(InvalidValueError, match="have no triangle, so S is not defined.*choose p yourself"):
        swann.convert(sparse, torch.zeros(1, 1))


def test_a_twin_is_not_converted_again():
    with pytest.raises(TraceError, match="is a small-world network already"):
        swann.convert(swann.convert(model(), IMAGES, 0.5), IMAGES, 0.5)


def test_the_twin_of_a_densenet():
    baseline = dense_net()
    before = copy.deepcopy(baseline.state_dict())
    twin = swann.convert(baseline, DENSE_IMAGES, (0.4, 1.0), seed=3, order="keep")
    assert isinstance(twin, SmallWorldDenseNet)
    assert twin(DENSE_IMAGES).shape == (3, 5)
    assert [block.rewiring.rewiring_probability for block in twin.plan.blocks] == [0.4, 1.0]
    assert {block.order for block in twin.plan.blocks} == {"keep"}
    assert all(torch.equal(tensor, before[name]) for name, tensor in baseline.state_dict().items())
    one, same = (swann.convert(baseline, DENSE_IMAGES, 0.4, seed=1) for _ in range(2))
    assert one.plan == same.plan
    assert all(map(torch.equal, one.parameters(), same.parameters()))


def test_without_p_each_dense_block_is_searched():
    graphs = [block.chain.graph() for block in swann.convert(dense_net(), DENSE_IMAGES, 0).plan.blocks]
    found = [swann.search(graph, near_maximum=True).best_p for graph in graphs]
    twin = swann.convert(dense_net(), DENSE_IMAGES)
    assert [block.rewiring.rewiring_probability for block in twin.plan.blocks] == found


@pytest.mark.parametrize(
    ("p", "message"),
    [
        ((0.5, 0.5, 0.5), "p has 3 probabilities; expected one number, or 2 for 2 dense blocks"),
        ((0.5, "high"), "p must be a number from 0 to 1, got 'high'"),
    ],
)
def test_probabilities_that_do_not_fit_a_densenet_are_named(p, message):
    with pytest.raises(InvalidValueError, match=message):
        swann.convert(dense_net(), DENSE_IMAGES, p)


def test_the_twin_of_a_densenet_is_not_converted_again():
    twin = swann.convert(dense_net(), DENSE_IMAGES, 0.5)
    with pytest.raises(TraceError, match="is a small-world network already"):
        swann.convert(twin, DENSE_IMAGES, 0.5)


def test_densenets_with_bottlenecks_are_refused():
    torchvision = pytest.importorskip("torchvision")
    model = torchvision.models.DenseNet(4, (2, 2), 4)
    with pytest.raises(
        TraceError, match=r"layer 1 has 2 convolutions \(module 'features.denseblock2.denselayer1.conv1'"
    ):
        swann.convert(model, torch.zeros(1, 3, 64, 64), 0.5)
