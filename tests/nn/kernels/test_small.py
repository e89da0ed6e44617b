import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from links import LAYERS, Case, cases, random_mask, relative_error

from swann import InvalidValueError
from swann.nn.kernels import LinkShape, arranged, arrangements, small_layer, vector_bytes, wiring

PRECISION = {torch.float32: 1e-5, torch.float64: 1e-12}


def layouts(shapes, batch, dtype=torch.float32):
    lanes = vector_bytes() // torch.empty(0, dtype=dtype).element_size()
    return arrangements(tuple(shapes), batch, lanes)


def small(case, dtype):
    """Return what the kernels for small batches make of a case's operands, and its dense convolution in float64."""
    sources, weights, bias = case.operands(dtype)
    found = layouts(case.shapes, case.batch, dtype)
    operands = [arranged(source, (way,))[way] for source, way in zip(sources, found, strict=True)]
    size = (case.batch, case.n_targets, *case.target)
    exact = ([tensor.double() for tensor in tensors] for tensors in (sources, weights))
    return small_layer(operands, found, weights, case.wirings(), bias, size), case.dense(*exact, bias.double())


@settings(max_examples=60)
@given(st.data(), st.integers(1, 7))
def test_maps_equal_those_of_dense_convolutions(data, batch):
    case = data.draw(cases(batch))
    for dtype, precision in PRECISION.items():
        found, expected = small(case, dtype)
        assert found.shape == expected.shape
        assert found.dtype == dtype
        assert found.is_contiguous()
        assert relative_error(found, expected) < precision


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("n_sources", [1, 40])
def test_each_layout_at_more_edges_than_are_summed_at_once(name, n_sources):
    for batch in (1, 3):
        case = Case((LAYERS[name],), (random_mask(9, n_sources, 0.7),), 9, batch)
        found, expected = small(case, torch.float32)
        assert relative_error(found, expected) < 1e-5


def test_links_of_different_layouts_flow_into_one_layer():
    ones = ((1, 1), (1, 1))
    shapes = (
        LinkShape((2, 2), (2, 2), (3, 3), (1, 1), (1, 1), (1, 1)),
        LinkShape((9, 9), (2, 2), (5, 5), (4, 4), (0, 0), (1, 1)),
        LinkShape((2, 2), (2, 2), *ones, (0, 0), (1, 1)),
    )
    assert len({way.layout for way in layouts(shapes, 2)}) > 1
    masks = tuple(random_mask(5, 12, 0.5, seed=seed) for seed in range(3))
    found, expected = small(Case(shapes, masks, 5, 2), torch.float32)
    assert relative_error(found, expected) < 1e-5


def test_without_edges_it_is_the_bias():
    case = Case((LAYERS["pairs"],), (torch.zeros(3, 2, dtype=torch.bool),), 3, 1)
    found, _ = small(case, torch.float32)
    assert torch.equal(found, case.operands(torch.float32)[2].view(1, 3, 1, 1).expand(1, 3, 2, 2))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_goes_along_existing_edges_alone(name, value):
    """Also where a vector's lanes beyond an edge's weights or a map's places hold those of the next one."""
    shape, mask = LAYERS[name], torch.tensor([[1, 0, 0, 1], [0, 0, 1, 0], [1, 1, 0, 0]]).bool()
    (way,) = layouts((shape,), 1)
    weight = torch.ones(5, *shape.kernel)
    source = torch.ones(1, 4, *shape.source)
    source[:, 2] = value
    size = (1, 3, *shape.target)
    found = small_layer([arranged(source, (way,))[way]], (way,), [weight], [wiring(mask)], None, size)
    assert found[:, [0, 2]].isfinite().all()
    assert not found[:, 1].isfinite().any()
    weight[2] = value  # the only edge of the second node
    found = small_layer([arranged(torch.ones_like(source), (way,))[way]], (way,), [weight], [wiring(mask)], None, size)
    assert found[:, [0, 2]].isfinite().all()
    assert not found[:, 1].isfinite().any()


def test_operands_of_different_types_are_refused():
    (way,) = layouts((LAYERS["pairs"],), 1)
    operand = arranged(torch.ones(1, 2, 2, 2), (way,))[way]
    weight = torch.ones(2, 3, 3, dtype=torch.float64)
    with pytest.raises(InvalidValueError, match="both float32 or both float64, got torch.float32 and torch.float64"):
        small_layer([operand], (way,), [weight], [wiring(torch.ones(1, 2).bool())], None, (1, 1, 2, 2))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16])
def test_weights_in_half_precision_give_what_they_give_in_single_precision(name, stored):
    shape, mask = LAYERS[name], random_mask(9, 40, 0.7)
    for batch in (1, 3):
        (way,) = layouts((shape,), batch)
        sources, weights, bias = Case((shape,), (mask,), 9, batch).operands(torch.float32)
        halved, operand = weights[0].to(stored), arranged(sources[0], (way,))[way]
        found, expected = (
            small_layer([operand], (way,), [weight], [wiring(mask)], bias, (batch, 9, *shape.target))
            for weight in (halved, halved.float())
        )
        assert torch.equal(found, expected)
