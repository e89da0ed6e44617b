import pytest
import torch
import torch.nn.functional as F
from torch import nn

from swann import InvalidValueError
from swann.experiments._aggregated_chain import AggregatedChain, scaled_chain
from swann.experiments._rivals import shortcut_reads
from swann.models import create
from swann.trace import trace


def plain(**more):
    return create("swann:plain20", in_channels=3, n_classes=10, image_size=8, width=0.25, **more)


@pytest.fixture(scope="module")
def chain():
    return trace(plain(), torch.zeros(1, 3, 8, 8))


def weighted(model):
    return [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]


@torch.no_grad()
def copy_weights(network, model):
    for link, module in zip(network.links, weighted(model), strict=True):
        module.weight.copy_(link.dense_weight().reshape(module.weight.shape))


def test_where_each_layer_reads_the_one_before_it_is_the_model(chain):
    network = AggregatedChain(chain, [[n] for n in range(20)], "sum", gated=False, order="keep", seed=0)
    model = plain()
    copy_weights(network, model)
    images = torch.randn(4, 3, 8, 8)
    torch.testing.assert_close(network(images), model(images))


def test_shortcuts_are_sums_round_two_layers(chain):
    """Written out for the first stage: seven convolutions, whose maps have the same size."""
    network = AggregatedChain(chain, shortcut_reads(20), "sum", gated=False, order="keep", seed=0)
    model = plain()
    copy_weights(network, model)
    images = torch.randn(4, 3, 8, 8)
    steps = [nn.Sequential(*model[3 * number : 3 * number + 3]) for number in range(8)]
    stream = steps[0](images)
    for block in range(3):
        stream = stream + steps[2 * block + 2](steps[2 * block + 1](stream))
    expected = steps[7](stream)
    found = []
    network.stages[7].register_forward_hook(lambda *given: found.append(given[-1]))
    network(images)
    torch.testing.assert_close(found[0], expected)


def test_maps_are_pooled_and_given_the_channels_that_are_read(chain):
    """Layer 8 reads layer 7 (4 channels, 8×8); here layer 9 (8 channels, 4×4) reads that too, gated by a half."""
    reads = [[n] for n in range(20)]
    reads[8] = [8, 7]
    network = AggregatedChain(chain, reads, "sum", gated=True, order="keep", seed=0)
    maps = [torch.randn(2, *chain.map_shape(number)) for number in range(9)]
    expected = maps[8] / 2 + F.pad(F.avg_pool2d(maps[7], 2), (0, 0, 0, 0, 0, 4)) / 2
    torch.testing.assert_close(network._joined(8, maps), expected)


def test_concatenation_reads_all_channels_and_neurons_read_means(chain):
    reads = [list(range(n + 1)) for n in range(20)]
    network = AggregatedChain(chain, reads, "concatenate", gated=False, order="paper", seed=0)
    maps = [torch.randn(2, *chain.map_shape(number)) for number in range(20)]
    joined = network._joined(19, maps)
    assert joined.shape[1] == sum(chain.sizes[:20])
    torch.testing.assert_close(joined[:, :3], F.adaptive_avg_pool2d(maps[0], joined.shape[2:]))


def test_a_narrower_chain_makes_a_network(chain):
    narrow = scaled_chain(chain, 0.5)
    assert narrow.sizes == (3, *[2] * 7, *[4] * 6, *[8] * 6, 10)
    network = AggregatedChain(narrow, [[n] for n in range(20)], "sum", gated=False, order="paper", seed=0)
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 10)


def test_what_cannot_be_made_is_named():
    model = nn.Sequential(nn.Conv2d(4, 8, 3, groups=2), nn.GroupNorm(2, 8), nn.ReLU(), nn.Conv2d(8, 2, 1))
    chain = trace(model, torch.zeros(1, 4, 5, 5))
    with pytest.raises(InvalidValueError, match="layer 0: a grouped convolution cannot read a concatenation"):
        AggregatedChain(chain, [[0], [0, 1]], "concatenate", gated=False, order="keep", seed=0)
    with pytest.raises(InvalidValueError, match="stage 1: GroupNorm of 8 nodes cannot be made narrower"):
        scaled_chain(chain, 0.5)
