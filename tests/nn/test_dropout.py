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
