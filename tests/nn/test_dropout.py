import pytest
import torch

from swann.nn._dropout import InflowDropout
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
