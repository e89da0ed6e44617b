from dense_nets import dense_twin
from networks import twin

import swann
from swann.convert import DenseNetSummary, Summary


def test_the_kind_of_network_decides_the_kind_of_summary():
    assert isinstance(swann.summary(twin()), Summary)
    assert isinstance(swann.summary(dense_twin()), DenseNetSummary)


def test_parameters_are_those_of_the_network():
    for network in (twin(), dense_twin()):
        assert swann.summary(network).after.parameters == sum(p.numel() for p in network.parameters())
