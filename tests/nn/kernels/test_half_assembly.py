import pytest
import torch
from half_precision import needs_halves, rounded
from hypothesis import given
from links import Case, cases, random_mask, relative_error, shape_of

from swann.nn.kernels import from_blocks, to_blocks, to_halves
from swann.nn.kernels._passes import forward_, input_gradient_, weight_gradients

pytestmark = needs_halves


def halves_of(maps):
    return to_halves(to_blocks(maps.float()))


def check(case):
    """All three passes against dense convolutions in float64 of numbers rounded to bfloat16."""
    sources, weights, _ = case.operands(torch.float64)
    sources, weights = ([rounded(each).requires_grad_() for each in tensors] for tensors in (sources, weights))
    expected = case.dense(sources, weights, None)
    gradient = rounded(torch.randn(expected.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64))
    of_operands = torch.autograd.grad(expected, [*sources, *weights], gradient)
    n_links, halves, packed = len(sources), [halves_of(each.detach()) for each in sources], case.wirings()
    single = [weight.detach().float() for weight in weights]

    result = torch.zeros(case.batch // 16, case.n_targets, *case.target, 16)
    forward_(result, halves, single, packed, case.flat())
    assert relative_error(from_blocks(result), expected.detach()) < 1e-5
    for number, shape in enumerate(case.shapes):
        of_source = torch.zeros(case.batch // 16, *sources[number].shape[1:], 16)
        input_gradient_(of_source, [halves_of(gradient)], [single[number]], [packed[number]], shape.flat())
        assert relative_error(from_blocks(of_source), of_operands[number]) < 1e-5
    found = weight_gradients(halves_of(gradient), halves, single, packed, case.flat(), [True] * n_links)
    for left, right in zip(found, of_operands[n_links:], strict=True):
        assert relative_error(left, right) < 1e-5


@given(cases(32))
def test_passes_are_exact_but_for_the_sums(case):
    check(case)


@pytest.mark.parametrize("n_blocks", [4, 10])
@pytest.mark.parametrize("density", [0.6, 0.0])
def test_several_pairs_of_blocks(n_blocks, density):
    shape = shape_of((9, 6), (9, 6), (3, 3), (1, 1), (1, 1), (1, 1))
    check_of(shape, random_mask(7, 5, density), 16 * n_blocks)


@pytest.mark.parametrize("kernel", [(7, 7), (1, 1), (5, 4)])
def test_kernels_of_more_and_fewer_taps_than_lanes(kernel):
    before = tuple(width // 2 for width in kernel)
    target = tuple(11 + 2 * pad - width for pad, width in zip(before, kernel, strict=True))
    check_of(shape_of((10, 10), target, kernel, (1, 1), before, (1, 1)), random_mask(3, 4, 0.7), 32)


def test_large_maps_are_cut_into_bands():
    check_of(shape_of((40, 40), (40, 40), (3, 3), (1, 1), (1, 1), (1, 1)), random_mask(3, 4, 0.7), 32)


def check_of(shape, mask, batch):
    check(Case((shape,), (mask,), mask.shape[0], batch))


def test_nan_and_infinity_go_where_their_edges_go():
    """A target with an odd number of edges has nobody beside the last one: infinity stays infinity."""
    mask = torch.tensor([[1, 0, 0], [1, 1, 1], [0, 1, 0]], dtype=torch.bool)
    shape = shape_of(4, 4, 1)
    case = Case((shape,), (mask,), 3, 32)
    maps = torch.ones(32, 3, 4)
    maps[0, 0, 1], maps[20, 0, 2], maps[5, 1, 3] = float("nan"), float("inf"), float("-inf")
    weight = torch.full((5, 1), 2.0)
    result = torch.zeros(2, 3, 4, 16)
    forward_(result, [halves_of(maps)], [weight], case.wirings(), case.flat())
    expected = case.dense([maps.double()], [weight.double()], None)  # dense products with zeros make more NaN
    found = from_blocks(result).double()
    for sample, target, place in ((0, 0, 1), (0, 1, 1)):
        assert found[sample, target, place].isnan()
    assert found[20, 0, 2] == found[20, 1, 2] == float("inf")
    assert found[5, 2, 3] == found[5, 1, 3] == float("-inf")
    is_finite = expected.isfinite()
    assert torch.equal(found[is_finite], expected[is_finite])
