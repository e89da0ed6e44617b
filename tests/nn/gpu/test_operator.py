import math

import pytest
import torch
from hypothesis import given, settings
from links import Case, random_mask, relative_error
from tiles import CROP, PLANE, by_tiles, case_of, gradients, needs_interpreter, tiled_cases

from swann import InvalidValueError
from swann.nn.gpu import _passes, block_layer, block_tables

pytest.importorskip("triton")

on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device: the kernels ran interpreted alone")


def check(case, precision=1e-5, tile=16, dtype=torch.float32, device="cpu"):
    """Compare the map and all gradients with those of dense convolutions in float64."""
    sources, weights, bias = case.operands(torch.float32)
    sources = [source.to(dtype) for source in sources]
    size = (case.batch, case.n_targets, *case.target)
    direction = torch.randn(size, generator=torch.Generator().manual_seed(1)).to(dtype).double()
    expected = gradients(
        case.dense, ([s.double() for s in sources], [w.double() for w in weights], bias.double()), direction
    )

    def compute(sources, weights, bias):
        return by_tiles(case, sources, weights, bias, tile, device)

    def moved(tensors):
        return [tensor.to(device) for tensor in tensors]

    found = gradients(compute, (moved(sources), moved(weights), bias.to(device)), direction.to(device))
    for left, right in zip(found, expected, strict=True):
        assert left.shape == right.shape
        assert relative_error(left.detach().cpu(), right.detach()) < precision
    return [each.detach() for each in found]


@pytest.mark.parametrize("tile", [16, 32])
def test_map_and_gradients_equal_those_of_dense_convolutions(tile):
    result, *_ = check(case_of(), tile=tile)
    assert result.is_contiguous(memory_format=torch.channels_last)


@settings(max_examples=12)
@given(tiled_cases())
def test_any_layer_in_the_plane(case):
    check(case)


def test_sums_in_parts_are_the_same(monkeypatch):
    """Where a GPU would be idle otherwise, sums are computed in parts; here the CPU asks for it."""
    monkeypatch.setitem(_passes._ENOUGH, "cpu", 24)
    _passes._programs.cache_clear()
    try:
        check(case_of(batch=7, n_sources=(20,)))
    finally:
        _passes._programs.cache_clear()


def test_half_precision_is_summed_in_single_precision():
    """What goes in and what comes out is rounded, no sum. (The interpreter multiplies bfloat16 wrongly.)"""
    case, kind = case_of(n_sources=(40,), n_targets=4, density=1.0), torch.float16
    found = check(case, 2 * torch.finfo(kind).eps, dtype=kind)
    assert [each.dtype for each in found] == [kind, kind, torch.float32, torch.float32]


def test_of_the_empty_batch_there_are_gradients_too():
    found = check(case_of(batch=0))
    assert not any(gradient.any() for gradient in found[4:])


@pytest.mark.parametrize("density", [0.0, 1.0])
def test_one_channel_and_no_edge(density):
    check(Case((PLANE,), (random_mask(1, 1, density),), 1, 2))


def test_operands_need_not_be_contiguous():
    case = case_of(n_sources=(20,))
    sources, weights, bias = case.operands(torch.float32)

    def scattered(tensor):
        """Return the same numbers, one apart in memory, at an address that vectors cannot be read from."""
        wide = tensor.new_zeros(tensor.numel() * 2 + 1)
        wide[1::2] = tensor.permute(*reversed(range(tensor.ndim))).flatten()
        return wide[1::2].view(tensor.shape[::-1]).permute(*reversed(range(tensor.ndim)))

    expected = by_tiles(case, sources, weights, bias)
    layout, tables = block_tables(case.masks, case.shapes, 16)
    weights = [scattered(weight.flatten(1)) for weight in weights]
    found = block_layer([scattered(sources[0])], weights, scattered(bias), tables, layout.flat())
    assert torch.equal(found, expected)
    shifted = torch.cat((sources[0].flatten()[:1], sources[0].flatten()))[1:].view_as(sources[0])
    assert shifted.data_ptr() % 16
    assert torch.equal(by_tiles(case, [shifted], weights, bias), expected)


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")  # of the interpreter's numpy
def test_what_is_not_finite_spreads_along_edges_and_no_further_than_in_the_dense_version():
    case = Case((PLANE,), (random_mask(20, 20, 0.4),), 20, 2)
    sources, weights, bias = case.operands(torch.float32)
    sources[0][0, 3, 2, 1], sources[0][1, 18, 0, 0] = math.nan, math.inf
    found, dense = by_tiles(case, sources, weights, bias), case.dense(sources, weights, bias)
    assert (found.isfinite() | ~dense.isfinite()).all()
    for sample, channel in ((0, 3), (1, 18)):
        reached = case.masks[0][:, channel]
        assert reached.any()
        assert (~found[sample].isfinite()).flatten(1).any(1)[reached].all()
    finite = found.isfinite() & dense.isfinite()
    torch.testing.assert_close(found[finite], dense[finite], rtol=1e-4, atol=1e-4)


def test_full_blocks_let_nothing_through_where_no_edge_is():
    case = case_of(n_sources=(32,), n_targets=32, density=0.5)
    sources, weights, bias = case.operands(torch.float32)
    sources[0][:, 17] = math.nan
    found = by_tiles(case, sources, weights, bias)
    assert torch.equal(found.isnan().flatten(2).any(2)[0], case.masks[0][:, 17])


def test_only_the_gradients_that_are_asked_for():
    case = case_of()
    sources, weights, bias = case.operands(torch.float32)
    everything = gradients(
        lambda *operands: by_tiles(case, *operands), (sources, weights, bias), torch.ones(2, 18, 3, 2)
    )
    source = sources[1].clone().requires_grad_()
    result = by_tiles(case, [sources[0], source, sources[2]], weights, None)
    (found,) = torch.autograd.grad(result.sum(), source)
    assert torch.equal(found, everything[2])
    weight = weights[0].clone().requires_grad_()
    (found,) = torch.autograd.grad(by_tiles(case, sources, [weight, *weights[1:]], None).sum(), weight)
    assert torch.equal(found, everything[4])


def test_a_second_derivative_is_refused():
    case = case_of(n_sources=(3,))
    sources, weights, bias = case.operands(torch.float32)
    result = by_tiles(case, [sources[0].requires_grad_()], weights, bias)
    with pytest.raises(InvalidValueError, match="no second derivatives"):
        torch.autograd.grad(result.sum(), sources[0], create_graph=True)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # from torch's own check
def test_it_is_an_operator_as_pytorch_wants_them():
    case = case_of(n_sources=(3, 20), n_targets=10, density=1.0, shapes=(CROP, CROP))
    sources, weights, bias = case.operands(torch.float32)
    needs_interpreter()
    layout, tables = block_tables(case.masks, case.shapes, 16)
    weights = [weight.flatten(1).detach().requires_grad_() for weight in weights]
    operands = ([source.requires_grad_() for source in sources], weights, bias.requires_grad_(), tables, layout.flat())
    torch.library.opcheck(torch.ops.swann.block_layer, operands)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": torch.zeros(2, 3, 5, 5)}, r"a source of a block layer .* size \[2, 3, 5, 4\], got \[2, 3, 5, 5\]"),
        (
            {"source": torch.zeros(2, 3, 5, 4).double()},
            "the sources of a block layer must all be float32, .* got torch.float64",
        ),
        ({"weight": torch.zeros(4, 6)}, r"the weights of a link's edges .* size \[5, 6\], got \[4, 6\]"),
        ({"weight": torch.zeros(5, 6).int()}, "the weights of a block layer must all be float32, .*got torch.int32"),
        ({"bias": torch.zeros(3)}, r"the bias of a block layer must be of size \[2\], got \[3\]"),
        ({"tables": torch.zeros(7).int()}, r"the tables of a block layer must be of size"),
        ({"tables": True}, "the tables of a block layer must be of int32, got torch.int64; see `block_tables`"),
        ({"layout": [16, 2, 3]}, "the layout of a block layer must have 8 numbers and 13 a link, got 3"),
        (
            {"layout": [16, 2, 3, 2, 0, 0, 0, 0]},
            "a block layer of 0 links must have as many sources and weights, .* got 1 and 1",
        ),
    ],
)
def test_operands_that_do_not_fit_are_refused(change, message):
    """Compiled code would read beyond their ends."""
    mask = torch.tensor([[1, 0, 1], [1, 1, 1]]).bool()
    layout, tables = block_tables([mask], [PLANE], 16)
    given = {
        "source": torch.zeros(2, 3, 5, 4),
        "weight": torch.zeros(5, 6),
        "bias": None,
        "tables": tables,
        "layout": layout.flat(),
    }
    given |= change
    if given["tables"] is True:
        given["tables"] = tables.long()
    with pytest.raises(InvalidValueError, match=message):
        block_layer([given["source"]], [given["weight"]], given["bias"], given["tables"], given["layout"])


@on_cuda
@pytest.mark.parametrize("tile", [16, 32])
@pytest.mark.parametrize("batch", [0, 1, 5, 64])
def test_on_cuda_map_and_gradients_equal_those_of_dense_convolutions(batch, tile, monkeypatch):
    monkeypatch.setattr("swann.nn.gpu._passes.precision", lambda _: "ieee")
    for n_sources, n_targets in (((3, 20, 33), 18), ((64, 32, 128), 96)):
        check(case_of(batch, n_sources, n_targets), tile=tile, device="cuda")


@on_cuda
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_on_cuda_half_precision(kind):
    check(case_of(8, (64, 32, 128), 96), 4 * torch.finfo(kind).eps, dtype=kind, device="cuda")


@on_cuda
def test_on_cuda_results_are_the_same_each_time():
    case = case_of(16, (64, 32, 128), 96)
    sources, weights, bias = case.operands(torch.float32)
    operands = [tensor.cuda() for tensor in sources], [tensor.cuda() for tensor in weights], bias.cuda()
    direction = torch.ones(16, 96, 3, 2, device="cuda")
    first, second = (
        gradients(lambda *operands: by_tiles(case, *operands, device="cuda"), operands, direction) for _ in range(2)
    )
    assert all(torch.equal(left, right) for left, right in zip(first, second, strict=True))
