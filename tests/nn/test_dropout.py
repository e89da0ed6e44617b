import pytest
import torch

from swann.nn._dropout import InflowDropout, draw_threshold, drawn
from swann.trace import Stage


def test_dropouts_of_channels_act_on_neurons_where_there_is_no_map():
    dropout = InflowDropout((Stage("a", "Dropout2d", {"p": 0.5}),))
    neurons = dropout(torch.ones(50, 40))
    assert set(neurons.unique().tolist()) == {0.0, 2.0}
    maps = dropout(torch.ones(50, 40, 2, 2))
    assert torch.equal(maps, maps[:, :, :1, :1].expand_as(maps))


def test_nothing_is_dropped_in_evaluation():
    dropout = InflowDropout((Stage("a", "Dropout", {"p": 0.5}), Stage("b", "Dropout1d", {"p": 0.5}))).eval()
    assert torch.equal(dropout(torch.ones(3, 4)), torch.ones(3, 4))


@pytest.mark.parametrize("p", [0.01, 0.2, 0.5, 0.97])
def test_blocks_are_dropped_as_often_as_asked_and_keep_their_mean(p):
    """Within 5 standard deviations; draws stand alone, so neighbours agree as often as chance has it."""
    dropout = InflowDropout((Stage("a", "Dropout", {"p": p}),))
    torch.manual_seed(0)
    n = 160_001
    dropped = dropout.of_blocks(torch.ones(1, n, 1).requires_grad_())
    values = dropped.unique().tolist()
    assert values == pytest.approx([0, 1 / (1 - p)], rel=1e-3)
    kept = (dropped > 0).flatten()
    assert abs(kept.sum().item() - (1 - p) * n) < 5 * (p * (1 - p) * n) ** 0.5
    both = (kept[1:] & kept[:-1]).float().mean().item()
    assert abs(both - (1 - p) ** 2) < 5 * (2 / n) ** 0.5
    torch.manual_seed(0)
    assert torch.equal(dropout.of_blocks(torch.ones(1, n, 1)), dropped)


@pytest.mark.parametrize(("p", "value"), [(0.0, 1), (1.0, 0)])
def test_nothing_or_all_is_dropped(p, value):
    dropout = InflowDropout((Stage("a", "Dropout", {"p": p}),))
    assert torch.equal(dropout.of_blocks(torch.ones(1, 40, 16)), torch.full((1, 40, 16), value))


@pytest.mark.parametrize("n_elements", [0, 1, 4, 7])
def test_draws_are_as_many_as_asked(n_elements):
    draws = drawn(n_elements)
    assert draws.dtype == torch.int16
    assert draws.shape == (n_elements,)


def test_draws_are_even_and_follow_the_seed():
    torch.manual_seed(3)
    draws = drawn(40_000)
    counts = torch.histc(draws.double(), 16, -(2**15), 2**15)
    assert (counts - 2500).abs().max() < 5 * 2500**0.5
    torch.manual_seed(3)
    assert torch.equal(drawn(40_000), draws)


@pytest.mark.parametrize(
    ("stages", "threshold"),
    [
        ([], None),
        ([("Dropout", 0.0)], None),
        ([("Dropout", 0.5)], 2**15),
        ([("Dropout", 0.25), ("Dropout", 0.0)], 2**14),
        ([("Dropout", 0.5), ("Dropout", 0.5)], -1),
        ([("Dropout", 1.0)], -1),
        ([("Dropout", 1e-6)], -1),
        ([("Dropout2d", 0.5)], -1),
        ([("AlphaDropout", 0.5)], -1),
    ],
)
def test_how_many_draws_drop(stages, threshold):
    dropout = InflowDropout(tuple(Stage("a", name, {"p": p}) for name, p in stages))
    assert draw_threshold(dropout) == threshold
    assert draw_threshold(dropout.eval()) is None


def test_a_dropout_with_hooks_is_not_simple():
    dropout = InflowDropout((Stage("a", "Dropout", {"p": 0.5}),))
    dropout.dropouts[0].register_forward_hook(lambda *_: None)
    assert draw_threshold(dropout) == -1
