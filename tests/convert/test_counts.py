import pytest
import torch
from dense_nets import IMAGES as DENSE_IMAGES
from dense_nets import dense_net
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from swann.convert import Counts, count_chain, count_plan
from swann.convert._counts import count_chain_layers, count_dense_block, count_plan_layers
from swann.graph import LayerGraph
from swann.nn import Plan, SmallWorldNetwork, build
from swann.smallworld import Rewiring, rewire
from swann.trace import Chain, trace, trace_parts

BATCH = 13  # no other first dimension is as large


def plan_of(chain: Chain, p: float, seed: int = 0, order: str = "paper") -> Plan:
    return Plan(chain, rewire(chain.graph(), p, seed=seed), order)


def masked(plan: Plan) -> SmallWorldNetwork:
    """Return the network that multiplies every link as a dense block."""
    return build(plan).use_backend("masked").eval()


def convolutions_of_two_groups() -> tuple[nn.Module, torch.Tensor]:
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(4, 6, 3, padding=2, dilation=2, groups=2), nn.ReLU(), nn.GroupNorm(2, 6), nn.AvgPool2d(2),
        nn.Conv2d(6, 8, (3, 1), padding=1, stride=2), nn.PReLU(8), nn.Dropout(), nn.Flatten(),
        nn.Linear(48, 7), nn.ReLU(), nn.Linear(7, 5), nn.LogSoftmax(1),
    )  # fmt: skip
    return model, torch.zeros(BATCH, 2, 14, 14)


def convolutions_of_one_dimension() -> tuple[nn.Module, torch.Tensor]:
    model = nn.Sequential(
        nn.BatchNorm1d(2), nn.Conv1d(2, 4, 5, padding=2), nn.Tanh(), nn.Conv1d(4, 4, 3, stride=3), nn.Tanh(),
        nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3),
    )  # fmt: skip
    return model, torch.zeros(BATCH, 2, 11)


def convolutions_of_three_dimensions() -> tuple[nn.Module, torch.Tensor]:
    model = nn.Sequential(
        nn.Conv3d(1, 3, 3, padding=1), nn.ReLU(), nn.Conv3d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2),
        nn.Conv3d(4, 4, 1), nn.Flatten(), nn.Linear(32, 3),
    )  # fmt: skip
    return model, torch.zeros(BATCH, 1, 4, 4, 4)


MODELS = (convolutions_of_two_groups, convolutions_of_one_dimension, convolutions_of_three_dimensions)


class WrittenMaps(TorchDispatchMode):
    """Adds up the bytes of the new tensors with a batch that operations return, but for padded copies."""

    def __init__(self) -> None:
        super().__init__()
        self.n_bytes = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        results = function(*args, **(kwargs or {}))
        read = {argument.untyped_storage().data_ptr() for argument in args if isinstance(argument, torch.Tensor)}
        result = results[0] if isinstance(results, tuple) else results  # further ones are a norm's means or indices
        is_map = result.dtype == torch.float32 and result.ndim > 0 and len(result) == BATCH
        if is_map and "pad" not in str(function) and result.untyped_storage().data_ptr() not in read:
            self.n_bytes += 4 * result.numel()
        return results


def test_counts_by_hand():
    """Two 3×3 convolutions on 4×4 maps, pooled to 2×2, and a linear layer."""
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1), nn.BatchNorm2d(2), nn.Conv2d(2, 3, 3, padding=1, bias=False), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(12, 5),
    )  # fmt: skip
    chain = trace(model, torch.zeros(1, 1, 4, 4))
    before = count_chain(chain)
    assert before.weights == 1 * 2 * 9 + 2 * 3 * 9 + 12 * 5
    assert before.parameters == before.weights + 2 + 2 * 2 + 5
    assert before.macs == 18 * 16 + 54 * 16 + 60
    assert before.activation_bytes == 4 * (2 * 16 + 2 * 16 + 3 * 16 + 3 * 4 + 5)
    assert count_chain_layers(chain) == (
        Counts(0, 0, 0, 0),
        Counts(18, 18 + 2 + 4, 18 * 16, 4 * (32 + 32)),
        Counts(54, 54, 54 * 16, 4 * (48 + 12)),
        Counts(60, 65, 60, 4 * 5),
    )

    rows = [row.copy() for row in chain.graph().rows]
    rows[0][0] = [True, False, False, False, False, True, False, False, False, False]  # (0, 2) goes to the last layer
    rewiring = Rewiring(LayerGraph(chain.sizes, tuple(rows)), 0.1, "nodes", 0, False, 1, 0, 1)
    plan = Plan(chain, rewiring)
    after = count_plan(plan)
    assert after.weights == before.weights
    assert after.parameters == before.parameters
    assert after.macs == 9 * 16 + 9 + 54 * 16 + 60
    assert after.activation_bytes == before.activation_bytes
    assert count_plan_layers(plan)[-1] == Counts(9 + 60, 9 + 60 + 5, 9 + 60, 4 * 5)

    executed = count_plan(plan, as_executed=True)
    assert executed.weights == 1 * 2 * 9 + 2 * 3 * 9 + 1 * 5 * 9 + 3 * 5 * 4
    assert executed.parameters == executed.weights + 2 + 2 * 2 + 5
    assert executed.macs == 18 * 16 + 54 * 16 + 45 + 60
    assert executed.activation_bytes == after.activation_bytes + 4 * (9 + 5 + 5)  # averaged input, product, sum


def test_counts_are_those_of_the_module():
    model = nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.PReLU(4), nn.Flatten(), nn.Linear(16, 5), nn.Linear(5, 3))
    chain = trace(model, torch.zeros(1, 2, 4, 4))
    plan = Plan(chain, rewire(chain.graph(), 0.5))
    expected = sum(parameter.numel() for parameter in model.parameters())
    assert count_chain(chain).parameters == count_plan(plan).parameters == expected
    assert sum(parameter.numel() for parameter in build(plan).parameters()) == expected


@pytest.mark.parametrize("create", MODELS)
def test_the_chains_counts_are_what_the_model_does(create):
    model, inputs = create()
    with torch.no_grad(), WrittenMaps() as written, FlopCounterMode(display=False) as flops:
        model.eval()(inputs)
    counts = count_chain(trace(model, inputs))
    assert counts.activation_bytes == written.n_bytes // BATCH
    assert flops.get_total_flops() == 2 * BATCH * counts.macs
    assert counts.parameters == sum(parameter.numel() for parameter in model.parameters())


@settings(max_examples=15)
@given(st.sampled_from(MODELS), st.sampled_from([0.0, 0.3, 0.85, 1.0]), st.integers(0, 100))
def test_the_masked_network_executes_what_is_counted(create, p, seed):
    model, inputs = create()
    plan = plan_of(trace(model, inputs), p, seed, "keep")
    network = masked(plan)
    with torch.no_grad(), WrittenMaps() as written, FlopCounterMode(display=False) as flops:
        network(inputs)
    counts = count_plan(plan, as_executed=True)
    assert flops.get_total_flops() == 2 * BATCH * counts.macs
    assert counts.activation_bytes == written.n_bytes // BATCH


@given(st.sampled_from(MODELS), st.floats(0, 1), st.integers(0, 100))
@settings(max_examples=20)
def test_what_exists_is_never_more_than_what_is_executed(create, p, seed):
    chain = trace(*create())
    plan = plan_of(chain, p, seed)
    stored, executed = count_plan_layers(plan), count_plan_layers(plan, as_executed=True)
    for of_stored, of_executed in zip(stored, executed, strict=True):
        assert of_stored.parameters - of_stored.weights == of_executed.parameters - of_executed.weights
        assert of_stored.weights <= of_executed.weights
        assert of_stored.macs <= of_executed.macs
        assert of_stored.activation_bytes <= of_executed.activation_bytes
    assert count_plan(plan) == Counts.total(stored)
    assert count_plan(plan).parameters == count_chain(chain).parameters


def test_without_rewiring_the_networks_cost_the_same():
    chain = trace(*convolutions_of_three_dimensions())
    plan = plan_of(chain, 0.0, order="keep")
    assert count_plan_layers(plan) == count_plan_layers(plan, as_executed=True) == count_chain_layers(chain)


def test_groups_are_executed_as_blocks_with_zeros():
    model = nn.Sequential(nn.Conv2d(4, 6, 3, groups=2, bias=False), nn.Conv2d(6, 1, 1, bias=False))
    chain = trace(model, torch.zeros(1, 4, 3, 3))
    plan = plan_of(chain, 0.0)
    assert count_plan_layers(plan) == count_chain_layers(chain)
    assert count_chain_layers(chain)[1] == Counts(12 * 9, 12 * 9, 12 * 9, 4 * 6)
    assert count_plan_layers(plan, as_executed=True)[1] == Counts(24 * 9, 24 * 9, 24 * 9, 4 * 6)


def test_padding_counts_as_a_map_where_it_is_an_operation_of_its_own():
    """A convolution multiplies its kernel with the zeros of its padding too, and writes no map for it."""
    alone = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ZeroPad2d(1), nn.Conv2d(1, 2, 3, bias=False))
    inside = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Conv2d(1, 2, 3, padding=1, bias=False))
    of_alone, of_inside = (count_chain(trace(model, torch.zeros(1, 1, 4, 4))) for model in (alone, inside))
    assert of_inside == Counts(19, 20, 16 + 18 * 16, 4 * (16 + 2 * 16))
    assert of_alone == Counts(19, 20, 16 + 18 * 16, 4 * (16 + 6 * 6 + 2 * 16))


def test_operations_on_the_input_come_first():
    counts = count_chain_layers(trace(*convolutions_of_one_dimension()))
    assert counts[0] == Counts(0, 2 * 2, 0, 4 * 2 * 11)


def test_the_order_of_the_paper_norms_the_smaller_map():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(2, 1, 1))
    chain = trace(model, torch.zeros(1, 1, 4, 4))
    assert count_plan_layers(plan_of(chain, 0.0, order="keep"))[1].activation_bytes == 4 * (32 + 32 + 32 + 8)
    assert count_plan_layers(plan_of(chain, 0.0, order="paper"))[1].activation_bytes == 4 * (32 + 32 + 8 + 8)


def test_a_layer_that_lost_all_inputs_still_writes_its_map():
    chain = trace(nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)), torch.zeros(1, 1))
    plan = Plan(chain, rewire(chain.graph(), 1.0, repair=False))
    assert plan.links() == [(0, 2), (1, 2)]
    assert count_plan_layers(plan, as_executed=True)[1] == Counts(0, 1, 0, 4 * 2)
    assert count_plan_layers(plan, as_executed=True)[2] == Counts(2, 3, 2, 4 * 3)


def test_a_dense_block_with_all_its_connections():
    model = dense_net(growth_rate=2, n_layers=3)
    block = trace_parts(model, DENSE_IMAGES)[1]
    convolutions = [layer.conv for layer in model[1:4]]
    weights = sum(convolution.weight.numel() for convolution in convolutions)
    assert count_dense_block(block) == (weights, weights * 6 * 7)


def test_a_dense_block_writes_its_joined_map():
    block = trace_parts(dense_net(growth_rate=2, n_layers=3), DENSE_IMAGES)[1]
    input_norm, layers = 4 * 2 * 4 * 42, 4 * 3 * 3 * 2 * 42
    counts = count_chain_layers(block)
    assert Counts.total(counts).activation_bytes == input_norm + layers + 4 * (4 + 6) * 42
    plan = Plan(block, rewire(block.graph(), 0.0), "keep")
    assert count_plan_layers(plan) == count_plan_layers(plan, as_executed=True) == counts
