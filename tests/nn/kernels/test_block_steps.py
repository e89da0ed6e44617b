from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from swann.nn.kernels import (
    BlockMap,
    Finish,
    Given,
    MaxPool,
    Norm,
    ScriptBuilder,
    add_average,
    add_average_gradient,
    add_bias_gradient,
    add_drop,
    add_fill,
    add_finish,
    add_norm_gradient,
    add_pool_gradient,
    add_rectify_gradient,
    add_statistics,
    block_of_memory,
    from_blocks,
    to_blocks,
)

CASES = [(torch.float32, 5), (torch.float64, 32)]


def normal(*size, dtype=torch.float64, seed=0):
    return torch.randn(size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


class Steps:
    """A script in the making, and the tensors that it is given in the order of their numbers."""

    def __init__(self):
        self.builder, self.tensors = ScriptBuilder(1), []

    def give(self, tensor):
        self.tensors.append(tensor)
        return Given(len(self.tensors))

    def map(self, blocks):
        return replace(BlockMap.of(blocks), place=self.give(blocks))

    def run(self):
        script, _ = self.builder.finished()
        memory = block_of_memory(script.n_bytes)
        script.run([memory.data_ptr(), *(tensor.data_ptr() for tensor in self.tensors)])


@pytest.mark.parametrize(("dtype", "batch"), CASES)
def test_biases_and_their_gradients(dtype, batch):
    steps, bias = Steps(), normal(3, dtype=dtype)
    blocks, zeros, found = to_blocks(normal(batch, 3, 4, dtype=dtype)), torch.ones(2, 3, 7, dtype=dtype), bias * 0
    expected = blocks.double().movedim(1, 0).flatten(1).sum(1).to(dtype)
    add_bias_gradient(steps.builder, steps.map(blocks), steps.give(found))
    add_fill(steps.builder, steps.map(zeros), None)
    filled = torch.zeros_like(blocks)
    add_fill(steps.builder, steps.map(filled), steps.give(bias))
    steps.run()
    torch.testing.assert_close(found, expected)
    assert torch.equal(zeros, torch.zeros_like(zeros))
    assert torch.equal(from_blocks(filled), bias.view(-1, 1).expand(batch, 3, 4))


@pytest.mark.parametrize(("dtype", "batch"), CASES)
def test_a_pooling_there_and_back(dtype, batch):
    maps = normal(batch, 3, 7, 6, dtype=dtype).requires_grad_()
    expected = F.max_pool2d(maps, 3, 2, 1).relu()
    gradient = normal(*expected.shape, dtype=dtype, seed=1)
    (of_maps,) = torch.autograd.grad(expected, maps, gradient)
    steps, pool = Steps(), MaxPool((3, 3), (2, 2), (1, 1))
    blocks, back, of_blocks = to_blocks(maps.detach()), to_blocks(gradient), to_blocks(maps.detach())
    pooled = torch.zeros_like(back)
    source, result = steps.map(blocks), steps.map(pooled)
    taps = steps.builder.buffer(result.numel)
    add_finish(steps.builder, source, result, Finish((), pool, ("relu",)), taps=taps)
    add_pool_gradient(steps.builder, steps.map(back), steps.map(of_blocks), pool, taps)
    steps.run()
    torch.testing.assert_close(from_blocks(pooled), expected)
    torch.testing.assert_close(from_blocks(of_blocks), of_maps)


@pytest.mark.parametrize(("dtype", "batch"), CASES)
def test_averaging_there_and_back_adds_to_the_gradient(dtype, batch):
    maps = normal(batch, 3, 7, 6, dtype=dtype).requires_grad_()
    expected = F.adaptive_avg_pool2d(maps, (3, 4))
    gradient = normal(*expected.shape, dtype=dtype, seed=1)
    (of_maps,) = torch.autograd.grad(expected, maps, gradient)
    steps, blocks, back = Steps(), to_blocks(maps.detach()), to_blocks(gradient)
    averaged, of_blocks = torch.zeros_like(back), torch.ones_like(blocks)
    add_average(steps.builder, steps.map(blocks), steps.map(averaged))
    add_average_gradient(steps.builder, steps.map(back), steps.map(of_blocks))
    steps.run()
    torch.testing.assert_close(from_blocks(averaged), expected)
    torch.testing.assert_close(from_blocks(of_blocks), of_maps + 1)


@pytest.mark.parametrize(("dtype", "batch"), CASES)
def test_a_relu_and_a_dropout_hand_back_what_they_let_through(dtype, batch):
    blocks, back = to_blocks(normal(batch, 3, 5, dtype=dtype)), to_blocks(normal(batch, 3, 5, dtype=dtype, seed=1))
    draws = torch.randint(-(2**15), 2**15, blocks.shape, generator=torch.Generator().manual_seed(2)).to(torch.int16)
    factor = (draws >= 2**13).to(dtype) * (2**16 / (2**16 - 2**15 - 2**13))
    steps, results = Steps(), [torch.zeros_like(blocks) for _ in range(4)]
    rectified, of_relu, dropped, of_dropout = (steps.map(each) for each in results)
    add_finish(steps.builder, steps.map(blocks), rectified, Finish(("relu",)))
    add_rectify_gradient(steps.builder, steps.map(back), rectified, of_relu)
    given, threshold = steps.give(draws), 2**15 + 2**13
    add_drop(steps.builder, rectified, dropped, given, threshold, adds=False)
    for _ in range(2):
        add_drop(steps.builder, of_relu, of_dropout, given, threshold, adds=True)
    steps.run()
    assert torch.equal(results[0], blocks.relu())
    assert torch.equal(results[1], back * (blocks > 0))
    torch.testing.assert_close(results[2], blocks.relu() * factor)
    torch.testing.assert_close(results[3], 2 * back * (blocks > 0) * factor)


@pytest.mark.parametrize(("dtype", "batch"), CASES)
@pytest.mark.parametrize("is_asked", [True, False], ids=["weights", "frozen"])
@pytest.mark.parametrize("trains", [True, False], ids=["training", "evaluation"])
def test_a_norm_there_and_back(dtype, batch, is_asked, trains):
    maps, weight, bias = (
        each.requires_grad_() for each in (normal(batch, 3, 5, dtype=dtype), *(normal(3, dtype=dtype) for _ in "ab"))
    )
    statistics = [torch.full((3,), value, dtype=dtype) for value in (0.5, 2.0)]
    moved = [each.clone() for each in statistics]
    expected = F.batch_norm(maps, *statistics, weight, bias, training=trains, momentum=0.3, eps=0.01)
    gradient = normal(*expected.shape, dtype=dtype, seed=1)
    of_expected = torch.autograd.grad(expected, [maps, weight, bias], gradient)
    steps, blocks, back = Steps(), to_blocks(maps.detach()), to_blocks(gradient)
    normed, of_blocks, of_weight, of_bias = (torch.zeros_like(each) for each in (blocks, blocks, weight, bias))
    source = steps.map(blocks)
    numbers = [steps.give(each) for each in (weight.detach(), bias.detach(), *moved)]
    norm = Norm(0.01, 0.3 if trains else None, not trains, *numbers, steps.builder.buffer(16 * 3))
    add_finish(
        steps.builder, source, steps.map(normed), Finish(("affine",)), add_statistics(steps.builder, source, norm)
    )
    places = [steps.give(each) if is_asked else None for each in (of_weight, of_bias)]
    add_norm_gradient(steps.builder, steps.map(back), source, steps.map(of_blocks), norm, *places)
    steps.run()
    precision = {"rtol": 1e-4, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 1e-10, "atol": 1e-12}
    torch.testing.assert_close(from_blocks(normed), expected.detach(), **precision)
    torch.testing.assert_close(from_blocks(of_blocks), of_expected[0], **precision)
    for found, one in zip((of_weight, of_bias), of_expected[1:], strict=True):
        torch.testing.assert_close(found, one if is_asked else torch.zeros(3, dtype=dtype), **precision)
    for found, one in zip(moved, statistics, strict=True):
        torch.testing.assert_close(found, one, **precision)
