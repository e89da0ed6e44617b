import networkx as nx
import pytest
import torch

from swann.experiments._rivals import build_rival, dense_weights, narrowed, randwire_reads, watts_strogatz
from swann.models import create
from swann.trace import trace


@pytest.fixture(scope="module")
def chain():
    model = create("swann:plain20", in_channels=3, n_classes=10, image_size=8, width=0.5)
    return trace(model, torch.zeros(1, 3, 8, 8))


def n_weights(network):
    return sum(parameter.numel() for name, parameter in network.named_parameters() if "links" in name)


@pytest.mark.parametrize("seed", [0, 1])
def test_the_small_world_graph_is_networkx_s_ring_rewired(seed):
    ring = watts_strogatz(11, 4, 0.0, seed)
    assert ring == {tuple(sorted(edge)) for edge in nx.watts_strogatz_graph(11, 4, 0).edges}
    found = watts_strogatz(11, 4, 0.75, seed)
    assert len(found) == len(ring)
    assert found != ring
    degrees = dict(nx.Graph(found).degree)
    assert min(degrees.values()) >= 2  # each node keeps the near ends of its own two edges


def test_randomly_wired_layers_all_get_inputs_and_are_all_read():
    reads = randwire_reads(15, 3)
    assert all(sources and all(source < number for source in sources) for number, sources in enumerate(reads, 1))
    assert {source for sources in reads for source in sources} - {0} == set(range(1, 15))
    assert sum(map(len, reads[:-1])) - sum(sources == [0] for sources in reads[:-1]) == 14 * 2


@pytest.mark.parametrize("name", ["shortcuts", "randwire", "densenet"])
def test_rivals_have_the_weights_of_the_chain(chain, name):
    network = build_rival(name, chain, "paper", 0)
    assert network(torch.randn(4, 3, 8, 8)).shape == (4, 10)
    if name == "densenet":
        assert 0.9 * chain.n_weights() < n_weights(network) <= chain.n_weights()
        assert n_weights(network) == dense_weights(narrowed(chain))
    else:
        assert n_weights(network) == chain.n_weights()
