import pytest
import torch
import torch.nn.functional as F
from hypothesis import example, given
from hypothesis import strategies as st
from links import relative_error
from tiles import by_tiles, case_of, gradients, needs_interpreter

from swann.nn.gpu import block_layer, block_tables
from swann.nn.gpu._operator import BlockLayer
from swann.nn.gpu._passes import _divisor, bias_gradient
from swann.nn.gpu._pool import Pool
from swann.nn.kernels import LinkShape


@given(st.integers(1, 2**31 - 1), st.integers(1, 2**20))
@example(2**31 - 1, 9)
@example(2**31 - 1, 5)
def test_division_by_multiplication(number, divisor):
    """The factor must fit 32 bits with a sign: of larger ones Triton makes 64 bits, and the product another."""
    factor, bits = _divisor(divisor)
    assert -(2**31) <= factor < 2**31
    assert ((number * (factor % 2**32) >> 32) + number) >> bits == number // divisor


@pytest.mark.parametrize("target", [(5, 5), (3, 3)])
def test_weight_gradients_where_sides_are_no_powers_of_two(target):
    shape = LinkShape(target, target, (3, 3), (1, 1), (1, 1), (1, 1))
    case = case_of(batch=3, n_sources=(20,), shapes=(shape,))
    sources, weights, bias = case.operands(torch.float32)
    direction = torch.randn(3, 18, *target, generator=torch.Generator().manual_seed(1))
    found = gradients(lambda *operands: by_tiles(case, *operands), (sources, weights, bias), direction)
    expected = gradients(case.dense, (sources, weights, bias), direction)
    for left, right in zip(found, expected, strict=True):
        assert relative_error(left.detach(), right.detach().double()) < 1e-5


def test_layers_that_read_the_same_maps_add_their_gradients_in_place():
    """Three layers in a row, the sources of which are passed from one to the next, and read once more at the end."""
    needs_interpreter()
    case = case_of(n_sources=(20, 33))
    sources, weights, bias = case.operands(torch.float32)
    weights = [weight.flatten(1) for weight in weights]
    layout, tables = block_tables(case.masks, case.shapes, 16)

    def compute(sources, weights, bias, *, is_passed):
        total = torch.zeros(())
        for factor in (1, 2, 3):
            scaled = [weight * factor for weight in weights]
            if is_passed:
                result, *sources = BlockLayer.apply(bias, tables, layout.flat(), 2, *sources, *scaled)
            else:
                result = block_layer(sources, scaled, bias, tables, layout.flat())
            total = total + result * factor
        return total + sum(source.square().sum() for source in sources)

    direction = torch.randn(2, 18, 3, 2, generator=torch.Generator().manual_seed(1))
    found, expected = (
        gradients(lambda *operands, each=each: compute(*operands, is_passed=each), (sources, weights, bias), direction)
        for each in (True, False)
    )
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


def test_a_gradient_that_somebody_else_may_read_is_left_alone():
    needs_interpreter()
    case = case_of(n_sources=(20,))
    sources, weights, bias = case.operands(torch.float32)
    layout, tables = block_tables(case.masks, case.shapes, 16)
    source = sources[0].requires_grad_()
    _, passed = BlockLayer.apply(bias, tables, layout.flat(), 1, source, weights[0].flatten(1))
    given = torch.ones_like(passed)
    result, last = BlockLayer.apply(bias, tables, layout.flat(), 1, passed, weights[0].flatten(1))
    torch.autograd.backward([result.sum(), last], [None, given])
    assert torch.equal(given, torch.ones_like(given))
    assert source.grad.abs().sum() > 0


def test_sources_without_gradients_stay_without():
    needs_interpreter()
    case = case_of(n_sources=(20, 33))
    sources, weights, bias = case.operands(torch.float32)
    layout, tables = block_tables(case.masks, case.shapes, 16)
    sources[1].requires_grad_()
    weights = [weight.flatten(1) for weight in weights]
    _, first, second = BlockLayer.apply(bias, tables, layout.flat(), 2, *sources, *weights)
    assert not first.requires_grad
    assert second.requires_grad


@pytest.mark.parametrize("size", [(3, 3), (3, 2), (1, 1)])
def test_pooling_by_a_product(size):
    source = torch.randn(2, 5, 7, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    found, expected = Pool.apply(source, size), F.adaptive_avg_pool2d(source, size)
    direction = torch.randn(expected.shape, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(found, expected)
    left, right = (torch.autograd.grad(each, source, direction)[0] for each in (found, expected))
    torch.testing.assert_close(left, right)


@pytest.mark.parametrize("kind", [torch.float32, torch.float16])
def test_the_gradient_of_the_bias(kind):
    needs_interpreter()
    gradient = torch.randn(5, 40, 6, 7, generator=torch.Generator().manual_seed(0)).to(kind)
    found = bias_gradient(gradient, torch.float32)
    torch.testing.assert_close(found, gradient.sum((0, 2, 3), dtype=torch.float32), rtol=1e-5, atol=1e-4)
    assert not bias_gradient(gradient[:0], torch.float32).any()
