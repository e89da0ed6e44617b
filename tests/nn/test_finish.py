import copy

import pytest
import torch
import torch.nn.functional as F
from networks import plan_of
from torch import nn

from swann.nn import build
from swann.nn._finish import finishing_of
from swann.nn._hooks import has_hooks
from swann.nn.kernels import Finish, MaxPool

HALVE = MaxPool((2, 2), (2, 2), (0, 0))


def steps(*stages, trains=False, channels=4, size=(6, 6), dtype=torch.float32):
    with torch.set_grad_enabled(trains):
        finishing, number = finishing_of(nn.Sequential(*stages), channels, size, dtype)
    return (None if finishing is None else (finishing.finish, finishing.size)), number


def norm(n_channels=4, **options):
    return nn.BatchNorm2d(n_channels, **options).eval()


def test_stages_that_the_kernels_take_over():
    after = Finish((), HALVE, ("relu", "affine"))
    assert steps(nn.ReLU(), nn.MaxPool2d(2), norm()) == ((after, (3, 3)), 3)
    assert steps(norm(), nn.ReLU(), nn.MaxPool2d(2)) == ((Finish(("affine",), HALVE, ("relu",)), (3, 3)), 3)
    assert steps(nn.ReLU(), norm(), nn.Tanh(), nn.ReLU()) == ((Finish(("relu", "affine")), (6, 6)), 2)
    assert steps(nn.MaxPool2d(2), nn.MaxPool2d(2)) == ((Finish((), HALVE), (3, 3)), 1)
    assert steps(nn.MaxPool1d(3, 2, 1), size=(7,)) == ((Finish((), MaxPool((1, 3), (1, 2), (0, 1))), (4,)), 1)


def test_with_gradients_only_what_needs_no_numbers_of_the_batch():
    assert steps(nn.ReLU(), norm(), trains=True) == (None, 0)
    assert steps(norm(), nn.MaxPool2d(2), trains=True) == (None, 0)
    assert steps(nn.ReLU(), nn.MaxPool2d(2), norm(), trains=True) == ((Finish((), HALVE, ("relu",)), (3, 3)), 2)


class OtherReLU(nn.ReLU):
    def forward(self, input):
        return input + 1


@pytest.mark.parametrize(
    "stage",
    [
        *(nn.Tanh(), OtherReLU(), nn.BatchNorm2d(4), norm(track_running_stats=False), norm(4).double(), norm(5)),
        *(nn.MaxPool2d(2, return_indices=True), nn.MaxPool2d(2, dilation=2), nn.MaxPool2d(8), nn.AvgPool2d(2)),
        *(nn.MaxPool1d(2), nn.MaxPool2d((12, 11), padding=(3, 3))),
    ],
    ids=str,
)
def test_stages_that_it_leaves_alone(stage):
    assert steps(stage) == (None, 0)
    assert steps(nn.ReLU(), stage) == ((Finish(("relu",)), (6, 6)), 1)


@pytest.mark.parametrize("register", ["register_forward_hook", "register_forward_pre_hook"])
def test_stages_with_hooks_are_called(register):
    stage = nn.ReLU()
    getattr(stage, register)(lambda *_: None)
    assert has_hooks(stage)
    assert steps(stage) == (None, 0)


def test_stages_with_a_forward_of_their_own_are_called():
    """As batch norms over several processes have it; see `swann.train`."""
    stage = norm()
    stage.forward = lambda blocks: blocks + 1
    assert has_hooks(stage)
    assert steps(stage) == (None, 0)
    del stage.forward
    assert not has_hooks(stage)


@pytest.mark.parametrize("size", range(3, 9))
@pytest.mark.parametrize("options", [(2, 2, 0), (3, 2, 1), (3, 3, 1), (2, 3, 1)])
def test_sizes_are_those_of_the_module(size, options):
    stage = nn.MaxPool2d(*options, ceil_mode=True)
    assert (
        steps(stage, size=(size, size))[0][1]
        == F.max_pool2d(torch.zeros(1, 1, size, size), *options, ceil_mode=True).shape[2:]
    )


MODEL = nn.Sequential(
    *(nn.Conv2d(2, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(3, 2, 1, ceil_mode=True)),
    *(nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(8), nn.MaxPool2d(2)),
    *(nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(72, 9), nn.BatchNorm1d(9), nn.ReLU()),
    nn.Linear(9, 4),
)


@pytest.mark.parametrize("order", ["paper", "keep"])
@pytest.mark.parametrize("batch", [8, 21, 32])
def test_networks_compute_the_same_with_and_without(order, batch):
    """Against dense convolutions and the stages' own modules; a hook makes every stage be called."""
    network = build(plan_of(MODEL, torch.zeros(1, 2, 12, 12), 0.6, order=order)).double()
    inputs = torch.randn(batch, 2, 12, 12, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    network.use_backend("masked")(inputs)  # norms see a batch
    expected = network.eval()(inputs)
    sparse = copy.deepcopy(network).use_backend("sparse")
    calls = []
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            torch.testing.assert_close(sparse(inputs), expected)
    stages = [stage for layer in sparse.each_layer() for stage in layer.stages if type(stage) is not nn.Flatten]
    for stage in stages:
        stage.register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        torch.testing.assert_close(sparse(inputs), expected)
    assert len(calls) == len(stages)


def test_links_chosen_to_be_dense_are_finished_too():
    network = build(plan_of(MODEL, torch.zeros(1, 2, 12, 12), 0.6)).eval()
    inputs = torch.randn(16, 2, 12, 12, generator=torch.Generator().manual_seed(0))
    network.use_backend("auto")
    choice = tuple(tuple(number % 2 == 0 for number in range(len(layer.sources))) for layer in network.each_layer())
    with torch.no_grad():
        expected = copy.deepcopy(network).use_backend("masked")(inputs)
        network._choice = lambda _: choice
        torch.testing.assert_close(network(inputs), expected, rtol=1e-4, atol=1e-5)
