import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from links import LAYERS, random_mask
from schedules import worked
from test_sparse import normal

from swann.nn.kernels import (
    Given,
    adaptive_axis,
    arranged,
    arrangements,
    constant,
    copy_row,
    fill_row,
    link_row,
    normalise_row,
    pool_rows,
    rectify_row,
    small_layer,
    strided_axis,
    vector_bytes,
    wiring,
)

DTYPES = st.sampled_from([torch.float32, torch.float64])
MAX_POOLS = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
MEAN_POOLS = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


def with_samples_first(values):
    return values.movedim(-1, 0).contiguous()


@given(st.integers(1, 4), st.integers(1, 40), DTYPES)
def test_a_map_is_filled_with_biases_band_by_band(n_nodes, n_elements, dtype):
    values, bias = torch.full((n_nodes, n_elements, 1), math.nan, dtype=dtype), normal(n_nodes).to(dtype)
    cut = n_elements // 2
    bands = [range(cut), range(cut, n_elements)]
    found = worked(values, lambda _, m: ([[fill_row(m, Given(1), band)] for band in bands], m), others=(bias,))
    assert torch.equal(found, bias.view(-1, 1, 1).expand_as(found))


@given(st.integers(1, 4), st.integers(1, 40), DTYPES)
def test_rectified_maps_equal_those_of_relu(n_nodes, n_elements, dtype):
    values = normal(n_nodes, n_elements, 1).to(dtype)
    values[0, 0] = math.nan
    values[-1, -1] = -math.inf
    expected = values.relu()
    torch.testing.assert_close(worked(values, lambda _, m: ([[rectify_row(m)]], m)), expected, equal_nan=True)


@given(st.integers(1, 4), st.integers(1, 40), DTYPES, st.sampled_from([1e-5, 1e-3]))
def test_normalised_maps_equal_those_of_batch_norm(n_nodes, n_elements, dtype, epsilon):
    values = normal(n_nodes, n_elements, 1).to(dtype)
    mean, variance, weight, bias = (normal(n_nodes, seed=seed).to(dtype) for seed in range(1, 5))
    variance.square_()
    expected = F.batch_norm(values.movedim(-1, 0), mean, variance, weight, bias, eps=epsilon).movedim(0, -1)
    statistics = [Given(number) for number in range(1, 5)]
    others = (mean, variance, weight, bias)
    found = worked(values, lambda _, m: ([[normalise_row(m, statistics, epsilon)]], m), others=others)
    torch.testing.assert_close(found, expected, rtol=1e-4 if dtype == torch.float32 else 1e-11, atol=1e-5)


def test_constants_stand_for_the_weights_of_a_norm_without_any():
    values = normal(3, 5, 1).float()
    expected = F.batch_norm(values.movedim(-1, 0), torch.zeros(3), torch.ones(3)).movedim(0, -1)
    zeros, ones = (constant(value, 3, "float32") for value in (0.0, 1.0))
    found = worked(values, lambda _, m: ([[normalise_row(m, (zeros, ones, ones, zeros), 1e-5)]], m))
    torch.testing.assert_close(found, expected)


@settings(max_examples=40)
@given(st.data(), DTYPES)
def test_pooled_maps_equal_those_of_torch(data, dtype):
    """What is stored beside a map does not count."""
    n_axes, batch = data.draw(st.integers(1, 3)), data.draw(st.sampled_from([1, 3]))
    size = tuple(data.draw(st.lists(st.integers(3, 9), min_size=n_axes, max_size=n_axes)))
    stored = tuple(length + data.draw(st.integers(0, 3)) for length in size)
    values = torch.full((2, *stored, batch), math.nan, dtype=dtype)
    inside = values[(slice(None), *(slice(0, length) for length in size))]
    inside.copy_(normal(*inside.shape))
    if data.draw(st.booleans()):
        inside[(0, *(0,) * n_axes)] = data.draw(st.sampled_from([math.nan, math.inf, -math.inf]))
    if data.draw(st.booleans()):
        kernel, stride = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
        padding = data.draw(st.integers(0, kernel // 2))
        expected = MAX_POOLS[n_axes](with_samples_first(inside), kernel, stride, padding)
        axes, kind = [strided_axis(length, kernel, stride, padding, 1) for length in size], "max"
    else:
        wanted = tuple(data.draw(st.lists(st.integers(1, 5), min_size=n_axes, max_size=n_axes)))
        expected = MEAN_POOLS[n_axes](with_samples_first(inside), wanted)
        axes, kind = list(map(adaptive_axis, size, wanted)), "mean"

    def make(builder, source):
        rows, result = pool_rows(builder, source, kind, axes)
        return [rows], result

    found = worked(values, make, size)
    torch.testing.assert_close(with_samples_first(found), expected, equal_nan=True)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("batch", [1, 3])
def test_a_map_that_is_stored_with_room_is_laid_out_like_any_other(name, batch):
    shape = LAYERS[name]
    (way,) = arrangements((shape,), batch, vector_bytes() // 4)
    source = normal(batch, 5, *shape.source).float()
    expected, start = arranged(source, (way,))[way]
    values = F.pad(source.movedim(0, -1), (0, 0, *(0, 2) * len(shape.source)), value=math.nan).contiguous()

    def make(builder, stored):
        row, place = copy_row(builder, stored, way)
        return [[row]], place

    assert torch.equal(worked(values, make, shape.source), expected[start:])


def test_links_are_added_to_what_a_map_holds():
    shape, mask = LAYERS["rows"], random_mask(6, 5, 0.5)
    (way,) = arrangements((shape,), 1, vector_bytes() // 4)
    weight, edges = normal(int(mask.sum()), 3, 3).float(), wiring(mask)
    operand, _ = arranged(normal(1, 5, 12, 9).float(), (way,))[way]
    bias = normal(6).float()
    expected = small_layer([(operand, 0)], (way,), [weight], [edges], bias, (1, 6, 12, 9))
    values = bias.view(-1, 1, 1, 1).expand(6, *way.size, 1).contiguous()
    others = (operand, edges, edges[7:], weight)
    found = worked(
        values, lambda _, m: ([[link_row(m, way, None, Given(1), (Given(2), Given(3)), Given(4))]], m), others=others
    )
    assert torch.equal(with_samples_first(found)[:, :, :12, :9], expected)
