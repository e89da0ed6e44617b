import pytest
import torch
from block_passes import assert_same, inputs_of, is_native, of, pair, step
from dense_nets import dense_twin
from torch import nn


@pytest.mark.parametrize(
    ("batch", "dtype", "n_threads"),
    [
        *((batch, torch.float64, 1) for batch in (1, 3, 8, 20)),
        *((batch, torch.float32, 1) for batch in (2, 7, 10, 16)),
        (32, torch.float64, 2),
    ],
)
def test_two_steps_leave_what_dense_convolutions_leave(batch, dtype, n_threads):
    masked, sparse = pair("images", dtype=dtype)
    images, before = inputs_of(masked, batch), torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        for _ in range(2):
            assert_same(step(sparse, images), step(masked, images), 1e-9 if dtype == torch.float64 else 2e-4)
    finally:
        torch.set_num_threads(before)
    assert is_native(sparse)


@pytest.mark.parametrize(
    ("name", "batch"), [("signals", 3), ("signals", 16), ("volumes", 2), ("volumes", 16), ("neurons", 9)]
)
def test_maps_of_other_axes(name, batch):
    masked, sparse = pair(name)
    inputs = inputs_of(masked, batch)
    assert_same(step(sparse, inputs), step(masked, inputs))
    assert is_native(sparse)


@pytest.mark.parametrize(("name", "batch"), [("images", 8), ("images", 32), ("signals", 20), ("volumes", 9)])
def test_passes_without_gradients_and_in_evaluation(name, batch):
    masked, sparse = pair(name)
    inputs = inputs_of(masked, batch)
    for network in (masked, sparse):
        network(inputs)  # moves statistics
        network.eval()
    with torch.inference_mode():
        assert_same({"output": sparse(inputs)}, {"output": masked(inputs)})
    assert_same(step(sparse, inputs), step(masked, inputs))
    assert is_native(sparse)


@pytest.mark.parametrize("batch", [2, 32])
def test_dense_blocks_hand_on_the_maps_of_all_layers(batch):
    masked, sparse = (dense_twin().double().train() for _ in range(2))
    for part in masked.parts:
        part.use_backend("masked")
    for part in sparse.parts:
        part.use_backend("sparse")
    images = torch.randn(batch, 2, 6, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert_same(step(sparse, images), step(masked, images))
    blocks = [part for part in sparse.parts if part.plan.chain.dense]
    assert len(blocks) == 2
    assert all(map(is_native, blocks))
    with torch.inference_mode():
        assert_same({"output": sparse(images)}, {"output": masked(images)})


def test_by_hand():
    """Two linear layers without moved edges: what flows back is found with pencil and paper."""
    _, sparse = of(nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 1)), (2,), p=0.0, dtype=torch.float32)
    first, second = sparse.each_layer()
    with torch.no_grad():
        first.links[0].weight.copy_(torch.tensor([1.0, 2.0, 3.0, -4.0]))
        first.bias.copy_(torch.tensor([0.5, 0.0]))
        second.links[0].weight.copy_(torch.tensor([2.0, 5.0]))
        second.bias.fill_(1.0)
    inputs = torch.tensor([[1.0, 1.0], [0.0, 2.0]], requires_grad=True)
    output = sparse(inputs)
    assert output.tolist() == [[8.0], [10.0]]  # the second neuron is -1 and -8, so 0
    output.backward(torch.tensor([[1.0], [10.0]]))
    assert inputs.grad.tolist() == [[2.0, 4.0], [20.0, 40.0]]
    assert first.links[0].weight.grad.tolist() == [2.0, 42.0, 0.0, 0.0]
    assert first.bias.grad.tolist() == [22.0, 0.0]
    assert second.links[0].weight.grad.tolist() == [48.5, 0.0]
    assert second.bias.grad.tolist() == [11.0]
    assert is_native(sparse)


def test_buffers_that_do_not_outlive_a_step_share_places():
    """Ten layers of 800 numbers each: what the backward pass reads is kept, the gradients stand in few places."""
    chain = [layer for _ in range(10) for layer in (nn.Conv1d(4, 4, 3, padding=1), nn.ReLU(), nn.MaxPool1d(3, 1, 1))]
    _, sparse = of(nn.Sequential(*chain), (4, 25), p=0.0)
    sparse(inputs_of(sparse, 8))
    (scripts,) = sparse.block_scripts.values()
    n_bytes = 800 * 8
    assert scripts.forward.n_bytes < 10 * (n_bytes + n_bytes // 8) + 2.5 * n_bytes  # maps and taps; the sums of two
    assert scripts.backward.n_bytes < 5 * n_bytes


def test_what_scripts_say_of_a_step():
    _, sparse = pair("images")
    sparse.layers[0].bias.requires_grad_(False)
    sparse(inputs_of(sparse))
    (scripts,) = sparse.block_scripts.values()
    assert scripts.n_numbers == sum(each.numel() for each in sparse.parameters() if each.requires_grad)
    assert scripts.n_draws == 0
    assert scripts.shape == (4,)
    assert len(scripts.given.now()) == len(scripts.starts)
    starts = sorted(start for start in scripts.starts if start is not None)
    assert starts[0] == 0
    assert len(starts) == sum(each.requires_grad for each in sparse.parameters())
