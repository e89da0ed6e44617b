import ctypes

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from swann.nn.kernels._block_assembly import (
    NORM_TASK,
    drop_function,
    fill_function,
    fixed_statistics_function,
    norm_gradient_function,
    rectify_gradient_function,
    statistics_function,
    total_function,
)
from swann.nn.kernels._compile import compile_function


def call(function, sizes, addresses):
    tasks = np.array([0 if each is None else each.ctypes.data for each in addresses], dtype=np.int64)
    table = np.array([0, 1, tasks.ctypes.data, *sizes], dtype=np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(compile_function(function, "run"))(table.ctypes.data)


def call_map(function, length, source, result, scales, other):
    """Call a function for one channel of so many elements."""
    call(function, (1, 1, 1, 1, length), (source, result, scales, other))


def call_norm(function, n_blocks, n_elements, epsilon=0.0, momentum=0.0, **task):
    bits = np.array([epsilon, momentum]).view(np.int64)
    call(function, (n_blocks, 16, n_elements, *bits), [task.get(name) for name in NORM_TASK])


def floats(*numbers, dtype=np.float32):
    return np.array(numbers, dtype=dtype)


def test_filling():
    result = np.zeros(6, dtype=np.float32)
    call_map(fill_function("float32", 4, 1), 5, None, result, floats(2.5), None)
    assert result.tolist() == [2.5] * 5 + [0]


def test_the_gradient_of_a_relu():
    """It passes where the ReLU left something, and where that is not a number, as PyTorch has it."""
    gradient, after = floats(1, 2, 3, 4, 5), floats(0, 0.5, np.nan, np.inf, -0.0)
    result = np.zeros(5, dtype=np.float32)
    call_map(rectify_gradient_function("float32", 4, 1), 5, gradient, result, None, after)
    assert result.tolist() == [0, 2, 3, 4, 0]


@pytest.mark.parametrize(("adds", "expected"), [(False, [0, 0, 4, 8, 12]), (True, [10, 10, 14, 18, 22])])
def test_a_dropout(adds, expected):
    """Of 2¹⁶ draws 3·2¹⁴ drop: a quarter is kept, four times as large."""
    source, result = floats(7, 8, 1, 2, 3), np.full(5, 10, dtype=np.float32)
    draws = np.array([-(2**15), 2**14 - 1, 2**14, 2**14 + 1, 2**15 - 1], dtype=np.int16)
    call_map(drop_function("float32", 4, 1, threshold=3 * 2**14, adds=adds), 5, source, result, None, draws)
    assert result.tolist() == expected


def test_the_statistics_of_a_norm_by_hand():
    """The numbers 1, 2, 3 and 6 in two blocks: mean 3, variance 14/4, over n - 1 14/3."""
    sums = floats(3, 5, 9, 45, dtype=np.float64)
    numbers, kept, mean, variance = (np.zeros(n) for n in (2, 2, 1, 1))
    mean[:], variance[:] = 1, 2
    function = statistics_function("float64", moves=True)
    weight, bias = floats(3, dtype=np.float64), floats(10, dtype=np.float64)
    given = {"weight": weight, "bias": bias, "mean": mean, "variance": variance}
    call_norm(function, 2, 4, 0.5, 0.25, sums=sums, numbers=numbers, kept=kept, **given)
    assert kept.tolist() == [3, 0.5]
    assert numbers.tolist() == [1.5, 10 - 4.5]
    assert mean.tolist() == [0.75 * 1 + 0.25 * 3]
    assert variance.tolist() == pytest.approx([0.75 * 2 + 0.25 * 14 / 3])


def test_a_variance_is_never_negative_and_statistics_may_be_missing():
    numbers, kept = np.zeros(2, dtype=np.float32), np.zeros(2)
    sums = floats(0.3, 0.0299999, dtype=np.float64)  # of three times 0.1, rounded
    task = {"sums": sums, "numbers": numbers, "kept": kept, "weight": floats(1), "bias": floats(0)}
    call_norm(statistics_function("float32", moves=False), 1, 3, 0.25, **task)
    assert kept.tolist() == pytest.approx([0.1, 2])


def test_the_numbers_of_a_norm_in_evaluation_by_hand():
    numbers, kept = np.zeros(2), np.zeros(2)
    given = {"mean": 1, "variance": 3.5, "weight": 3, "bias": 10}
    task = {name: floats(value, dtype=np.float64) for name, value in given.items()}
    call_norm(fixed_statistics_function("float64"), 1, 4, 0.5, numbers=numbers, kept=kept, **task)
    assert kept.tolist() == [1, 0.5]
    assert numbers.tolist() == [1.5, 10 - 1.5]


def test_the_gradient_of_a_norm_is_that_of_autograd():
    generator = torch.Generator().manual_seed(0)
    values, gradient = (torch.randn(2, 5, 1, generator=generator, dtype=torch.float64) for _ in range(2))
    leaves = [each.requires_grad_() for each in (values, torch.tensor([1.7]).double(), torch.tensor([0.3]).double())]
    output = F.batch_norm(values.view(10, 1), None, None, *leaves[1:], training=True, eps=0.1)
    of_values, of_weight, of_bias = torch.autograd.grad(output, leaves, gradient.view(10, 1))
    found = values.detach()
    kept = np.array([found.mean().item(), (found.var(correction=0).item() + 0.1) ** -0.5])
    sums = torch.stack([gradient.sum(1), (gradient * found).sum(1)], 1).numpy().copy()
    numbers, weight, bias = np.zeros(3), np.zeros(1), np.zeros(1)
    scale = leaves[1].detach().numpy()
    task = {"sums": sums, "numbers": numbers, "kept": kept, "weight": weight, "bias": bias, "mean": scale}
    call_norm(norm_gradient_function("float64", is_fixed=False), 2, 10, **task)
    assert weight.tolist() == pytest.approx(of_weight.tolist())
    assert bias.tolist() == pytest.approx(of_bias.tolist())
    combined = numbers[0] * gradient + numbers[1] * found + numbers[2]
    torch.testing.assert_close(combined, of_values)


def test_the_total_over_blocks():
    bias = np.zeros(1, dtype=np.float32)
    call_norm(total_function("float32"), 3, 1, sums=floats(1, 9, 2, 9, 4, 9, dtype=np.float64), bias=bias)
    assert bias.tolist() == [7]
