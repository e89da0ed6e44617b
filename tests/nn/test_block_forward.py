import pytest
import torch
from block_passes import assert_same, inputs_of, is_native, left, of, step, weighed
from torch import nn

from swann.nn import _block_pass
from swann.nn._block_forward import ForwardPass
from swann.nn._block_stages import LayerForm
from swann.nn._block_tensors import DRAWS, FORWARD, INPUTS, PassTensors
from swann.nn._dropout import draw_threshold, drawn
from swann.nn.kernels import Given, from_blocks


def dropping(first=0.25, second=0.5, dtype=torch.float64, kind=nn.Dropout):
    """Return a network whose dropouts act on maps, on maps that are averaged, and on neurons."""
    model = nn.Sequential(
        *(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), kind(first)),
        *(nn.Conv2d(4, 5, 3, padding=1, bias=False), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Dropout(second), nn.Linear(5 * 4, 6), nn.ReLU(), nn.Linear(6, 3)),
    )
    return of(model, (2, 8, 8), 0.6, dtype)


class Replayed(nn.Module):
    """A dropout that keeps what given draws keep, as PyTorch computes it.

    Args:
        draws: of all dropouts, from which each call takes what it needs.
        threshold: how many of 2¹⁶ draws drop.
    """

    def __init__(self, draws, threshold):
        super().__init__()
        self.draws, self.threshold = draws, threshold

    def forward(self, source):
        block = 16 if len(source) % 16 == 0 else len(source)
        of_call, self.draws[0] = self.draws[0].split([source.numel(), self.draws[0].numel() - source.numel()])
        factor = (of_call >= self.threshold - 2**15).to(source.dtype) * (2**16 / (2**16 - self.threshold))
        return source * from_blocks(factor.view(-1, *source.shape[1:], block))


@pytest.mark.parametrize("batch", [1, 7, 32])
def test_dropouts_keep_the_same_forward_and_backward(batch, monkeypatch):
    masked, sparse = dropping()
    kept = []
    monkeypatch.setattr(_block_pass, "drawn", lambda n: kept.append(drawn(n)) or kept[-1])
    torch.manual_seed(5)
    found = step(sparse, inputs_of(sparse, batch))
    assert is_native(sparse)
    (draws,) = kept
    kept[:] = [draws]
    for layer in masked.layers:
        threshold = draw_threshold(layer.dropout)
        if threshold is not None:
            layer.dropout = Replayed(kept, threshold)
    assert_same(found, step(masked, inputs_of(masked, batch)))
    assert not kept[0].numel()


def test_dropouts_follow_the_seed():
    _, sparse = dropping()
    inputs = inputs_of(sparse)
    outputs = []
    for seed in (1, 2, 1):
        torch.manual_seed(seed)
        outputs.append(sparse(inputs))
    assert torch.equal(outputs[0], outputs[2])
    assert not torch.equal(outputs[0], outputs[1])


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_as_much_is_dropped_as_asked(p):
    """Ones through a linear layer with a one for each edge: each output counts what is kept, scaled."""
    _, sparse = of(nn.Sequential(nn.Linear(50, 50), nn.Dropout(p), nn.Linear(50, 50)), (50,), p=0.0)
    first, second = sparse.each_layer()
    with torch.no_grad():
        for layer, weight, bias in ((first, 0.0, 1.0), (second, 1.0, 0.0)):
            layer.links[0].weight.fill_(weight), layer.bias.fill_(bias)
    torch.manual_seed(0)
    counts = torch.cat([sparse(inputs_of(sparse, 64))[:, 0] for _ in range(10)]).detach() * (1 - p)
    n, total = 640 * 50, counts.sum().item()
    assert torch.allclose(counts, counts.round(), atol=50 * 2**-16 / (1 - p) + 1e-9)
    assert abs(total - (1 - p) * n) < 5 * (p * (1 - p) * n) ** 0.5


@pytest.mark.parametrize("change", [lambda each: each.eval(), lambda each: setattr(each, "p", 0.0)])
def test_nothing_is_dropped(change):
    masked, sparse = dropping()
    for network in (masked, sparse):
        for each in network.modules():
            if isinstance(each, nn.Dropout):
                change(each)
    assert_same(step(sparse, inputs_of(sparse)), step(masked, inputs_of(masked)))
    assert is_native(sparse)
    assert next(iter(sparse.block_scripts.values())).n_draws == 0


@pytest.mark.parametrize("kind", [nn.Dropout2d, nn.AlphaDropout])
def test_other_dropouts_are_left_to_their_modules(kind):
    _, sparse = dropping(kind=kind)
    assert sparse(inputs_of(sparse)).shape == (3, 3)
    assert not sparse.block_scripts


def made(network, samples=(1, 3), threshold=None):
    tensors = PassTensors(torch.float64)
    forms = [LayerForm((), False, threshold) for _ in network.layers]
    return ForwardPass(network, forms, samples, tensors)


def test_maps_that_are_averaged_are_averaged_once_for_all_their_readers():
    model = nn.Sequential(nn.Conv1d(2, 4, 3, padding=1), nn.Conv1d(4, 4, 2, 2), nn.Flatten(), nn.Linear(16, 9))
    model.extend([nn.Linear(9, 9), nn.Linear(9, 4)])
    _, sparse = of(model, (2, 8), 0.9)
    forward = made(sparse)
    averaged = [each for operands in forward.operands for each in operands if each.kernel is not None]
    assert len(averaged) > len({(each.source, each.kernel) for each in averaged}) > 1
    assert len({each.read.place for each in averaged}) == len({(each.source, each.kernel) for each in averaged})
    for each in averaged:
        assert each.read.size == each.kernel != forward.maps[each.source].size


def test_each_link_drops_anew():
    _, sparse = dropping(0, 0)
    forward = made(sparse, threshold=2**15)
    operands = [each for of_layer in forward.operands for each in of_layer]
    assert [each.draws for each in operands] == [
        Given(DRAWS, 2 * sum(before.read.numel for before in operands[:number])) for number in range(len(operands))
    ]
    assert forward.n_draws == sum(each.read.numel for each in operands)


def test_what_the_backward_pass_reads_stands_in_the_memory_of_the_forward_pass():
    _, sparse = dropping(0, 0)
    forward = made(sparse)
    script = forward.finished(trains=True)
    places = [each.read.place for of_layer in forward.operands for each in of_layer]
    assert {place.number for place in places} == {INPUTS, FORWARD}
    assert forward.maps[-1].place.number == FORWARD
    assert all(place.offset < script.n_bytes for place in places if place.number == FORWARD)


def test_without_a_backward_pass_less_outlives_the_script():
    _, sparse = dropping(0, 0)
    with_it, without = made(sparse), made(sparse)
    assert without.finished(trains=False).n_bytes < with_it.finished(trains=True).n_bytes
    assert without.maps[-1].place.number == FORWARD


def test_gradients_of_two_passes_have_draws_of_their_own():
    _, sparse = dropping()
    inputs = inputs_of(sparse)
    torch.manual_seed(0)
    for _ in range(2):
        weighed(sparse(inputs)).backward()
    both = left(sparse)
    sparse.zero_grad(), torch.manual_seed(0)
    outputs = [sparse(inputs) for _ in range(2)]
    for output in reversed(outputs):
        weighed(output).backward()
    assert_same(left(sparse), both)
