import math

import pytest
import torch
from hypothesis import given, settings
from links import BATCHES, Case, cases, random_mask, relative_error, shape_of

from swann import InvalidValueError
from swann.nn.kernels import LinkShape, from_blocks, sparse_layer, to_blocks, wiring

PRECISION = {torch.float32: 1e-5, torch.float64: 1e-12}
SHAPE = LinkShape((5, 4), (3, 2), (3, 2), (2, 2), (1, 0), (1, 1))


def case_of(shape=SHAPE, n_targets=3, n_sources=4, density=0.5, batch=5, seed=0):
    return Case((shape,), (random_mask(n_targets, n_sources, density, seed=seed),), n_targets, batch)


def gradients(function, operands, direction):
    """Return the result of a function of maps, weights and bias, and its gradients; zeros for what it does not use."""
    sources, weights, bias = operands
    wanted = [tensor.detach().requires_grad_() for tensor in (*sources, *weights, bias)]
    result = function(wanted[: len(sources)], wanted[len(sources) : -1], wanted[-1])
    found = torch.autograd.grad(result, wanted, direction.to(result.dtype), allow_unused=True)
    pairs = zip(wanted, found, strict=True)
    return [result.detach(), *(torch.zeros_like(old) if new is None else new for old, new in pairs)]


def check(case, dtype):
    """Compare the map and all gradients with the dense convolution's in float64."""
    operands = case.operands(dtype)
    exact = [tensor.double() for tensor in operands[0]], [t.double() for t in operands[1]], operands[2].double()
    size = (case.batch, case.n_targets, *case.target)
    direction = torch.randn(size, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(dtype)
    found = gradients(case.sparse, operands, direction)
    expected = gradients(case.dense, exact, direction.double())
    for left, right in zip(found, expected, strict=True):
        assert left.dtype == dtype
        assert left.shape == right.shape
        assert relative_error(left, right) < PRECISION[dtype]


@pytest.mark.parametrize("batch", BATCHES)
def test_map_and_gradients_equal_the_dense_convolutions(batch):
    @settings(max_examples=12)
    @given(cases(batch))
    def compare(case):
        check(case, torch.float64)
        check(case, torch.float32)

    compare()


def test_by_hand():
    """Two targets: the first sums both sources, moved by one place; the second has no edge and is its bias."""
    maps = torch.tensor([[[1.0, 2, 3], [10, 20, 30]]]).expand(16, 2, 3)
    shape, weights = shape_of(3, 3, 2, before=1), torch.tensor([[1.0, 0], [2, 1]])
    packed = wiring(torch.tensor([[True, True], [False, False]]))
    found = sparse_layer([to_blocks(maps)], [weights], [packed], torch.tensor([0.5, 7]), shape.flat(), [1, 2, 3, 16])
    assert from_blocks(found)[3].tolist() == [[10.5, 41.5, 72.5], [7, 7, 7]]


@pytest.mark.parametrize("batch", [3, 16])
def test_gradcheck(batch):
    shapes = (SHAPE, shape_of((3, 3), (3, 2), (1, 2), (1, 1), (0, 0), (1, 1)))
    case = Case(shapes, (random_mask(2, 2, 0.7), random_mask(2, 3, 0.5, seed=1)), 2, batch)
    sources, weights, bias = case.operands()
    inputs = [tensor.requires_grad_() for tensor in (*sources, *weights, bias)]
    assert torch.autograd.gradcheck(lambda *t: case.sparse(t[:2], t[2:4], t[4]), inputs, fast_mode=batch > 8)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # from torch's own check
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_operator_is_registered_as_torch_asks(dtype):
    case = case_of(batch=4)
    sources, weights, bias = case.operands(dtype)
    source = to_blocks(sources[0]).requires_grad_()
    arguments = (
        *([source], [weights[0].requires_grad_()], case.wirings(), bias.requires_grad_()),
        *(case.flat(), case.size(source)),
    )
    torch.library.opcheck(torch.ops.swann.sparse_layer.default, arguments)


def test_the_backward_operator_is_registered_as_torch_asks():
    """It has no gradient of its own; what is left to check is its schema and its shapes without data."""
    case = case_of(batch=16)
    sources, weights, _ = case.operands(torch.float32)
    gradient = to_blocks(torch.ones(16, 3, 3, 2))
    for wanted in ([True, True], [True, False], [False, True]):
        arguments = (gradient, [to_blocks(sources[0])], weights, case.wirings(), case.flat(), wanted)
        operator = torch.ops.swann.sparse_layer_backward.default
        torch.library.opcheck(operator, arguments, test_utils=("test_schema", "test_faketensor"))


@pytest.mark.parametrize("batch", [1, 5, 16, 19])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_goes_along_existing_edges_alone(batch, value):
    """A dense convolution with zeros for missing edges spoils every target (0 · ∞ = NaN); no edge, no NaN here.

    Nor do weights meet the zeros of a padding: a weight that is not finite is NaN there in the dense version.
    """
    mask = torch.tensor([[1, 0, 0, 1], [0, 0, 1, 0], [1, 1, 0, 0]]).bool()
    case = Case((shape_of((5, 4), (5, 4), (3, 2), (1, 1), (1, 0), (1, 1)),), (mask,), 3, batch)
    sources, weights, bias = case.operands(torch.float32)
    weights = [weight.abs() for weight in weights]
    sources[0][0, 0, 2, 1] = value
    found = case.sparse(sources, weights, bias)
    everywhere = case.dense(sources, weights, bias)
    assert not everywhere[0, ~mask[:, 0]].isfinite().all()
    for target in range(3):
        joined = mask[target : target + 1]
        places = joined.nonzero()[:, 1]
        start = int(mask[:target].sum())
        alone = Case(case.shapes, (joined[:, places],), 1, batch)
        of_target = [weights[0][start : start + len(places)]]
        expected = alone.dense([sources[0][:, places]], of_target, bias[target : target + 1])
        torch.testing.assert_close(found[:, target : target + 1], expected, equal_nan=True)
        assert bool(found[:, target].isfinite().all()) == (not mask[target, 0])


@pytest.mark.parametrize("batch", [2, 16])
def test_what_is_not_finite_in_a_gradient_goes_along_existing_edges_alone(batch):
    case = case_of(batch=batch)
    mask = case.masks[0]
    direction = torch.zeros(batch, 3, 3, 2)
    direction[0, 1, 1, 1] = math.inf
    sources, weights, bias = case.operands(torch.float32)
    of_map, of_weights, of_bias = gradients(case.sparse, (sources, weights, bias), direction)[1:]
    spoilt = (~of_map[0].isfinite()).flatten(1).any(1)
    assert torch.equal(spoilt, mask[1])
    assert of_map[1:].isfinite().all()
    targets = mask.nonzero()[:, 0]
    assert torch.equal((~of_weights.isfinite()).flatten(1).all(1), targets == 1)
    assert of_bias.isfinite().tolist() == [True, False, True]


@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("density", [0.0, 1.0])
def test_one_channel_and_no_edge(batch, density):
    check(Case((SHAPE,), (random_mask(1, 1, density),), 1, batch), torch.float32)


def test_without_edges_the_map_is_the_bias():
    case = case_of(density=0.0)
    sources, weights, bias = case.operands()
    assert torch.equal(case.sparse(sources, weights, bias), bias.view(1, 3, 1, 1).expand(5, 3, 3, 2))
    assert not case.sparse(sources, weights, None).any()


@pytest.mark.parametrize("batch", [3, 16])
def test_operands_need_not_be_contiguous(batch):
    case = case_of(batch=batch)
    sources, weights, bias = case.operands()
    expected = gradients(case.sparse, (sources, weights, bias), torch.ones(batch, 3, 3, 2))

    def scattered(tensor):
        """Return the same numbers, one apart in memory and the last axes swapped."""
        wide = tensor.new_zeros(*tensor.shape[::-1], 2)
        wide[..., 0] = tensor.permute(*reversed(range(tensor.ndim)))
        return wide[..., 0].permute(*reversed(range(tensor.ndim)))

    def of_scattered(sources, weights, bias):
        blocks = [scattered(to_blocks(source)) for source in sources]
        packed = [scattered(part) for part in case.wirings()]
        weights = [scattered(weight) for weight in weights]
        assert not any(tensor.is_contiguous() for tensor in (*blocks, *weights, *packed))
        size = case.size(blocks[0])
        return from_blocks(sparse_layer(blocks, weights, packed, scattered(bias), case.flat(), size))

    found = gradients(of_scattered, (sources, weights, bias), torch.ones(batch, 3, 3, 2))
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-14, atol=1e-14)


def test_only_the_gradients_that_are_asked_for():
    case = case_of(batch=16)
    sources, weights, bias = case.operands()
    all_of_them = gradients(case.sparse, (sources, weights, bias), torch.ones(16, 3, 3, 2))
    source = sources[0].detach().requires_grad_()
    (found,) = torch.autograd.grad(case.sparse([source], [weights[0].detach()], None).sum(), source)
    assert torch.equal(found, all_of_them[1])
    weight = weights[0].detach().requires_grad_()
    (found,) = torch.autograd.grad(case.sparse([sources[0].detach()], [weight], None).sum(), weight)
    assert torch.equal(found, all_of_them[2])


def test_under_autocast_it_computes_in_single_precision():
    case = case_of(batch=16)
    sources, weights, bias = case.operands(torch.float32)
    expected = case.sparse(sources, weights, bias)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(case.sparse(sources, weights, bias), expected)
        halved = case.sparse([sources[0].bfloat16()], weights, bias)
    assert halved.dtype == torch.float32
    torch.testing.assert_close(halved, expected, rtol=0.05, atol=0.05)


def test_a_second_derivative_is_refused():
    """What a backward pass computes is no graph; it must not pass for a constant."""
    case = case_of()
    sources, weights, bias = case.operands()
    source = sources[0].requires_grad_()
    with pytest.raises(InvalidValueError, match="no second derivatives .*use_backend.'masked'"):
        torch.autograd.grad(case.sparse([source], weights, bias).sum(), source, create_graph=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": torch.zeros(5, 3, 2).double()}, "got torch.float32 and torch.float64; convert the inputs or"),
        ({"weight": torch.zeros(5, 3, 2).int()}, "both float32 or both float64, got torch.float32 and torch.int32"),
        ({"weight": torch.zeros(5, 3, 3)}, r"each edge's weights .* must be of size \[3, 2\], got \[3, 3\]"),
        ({"weight": torch.zeros(4, 3, 2)}, r"the wiring of a sparse layer must be of size \[21\], got \[24\]"),
        ({"source": torch.zeros(1, 4, 5, 5, 16)}, r"a source .* size \[1, 4, 20, 16\], got \[1, 4, 25, 16\]"),
        ({"source": torch.zeros(1, 4, 5, 4, 8)}, r"a source .* size \[1, 4, 20, 16\], got \[1, 4, 20, 8\]"),
        ({"source": torch.zeros(1, 3, 5, 4, 16)}, r"the wiring .* size \[23\], got \[24\]"),
        ({"size": [1, 3, 3, 3, 16]}, r"a layer's map of a sparse layer must be of size \[6\], got \[9\]"),
        ({"packed": torch.zeros(24)}, "the wiring of a sparse layer must be of int32, got torch.float32; see `wiring`"),
    ],
)  # fmt: skip
def test_operands_that_do_not_fit_are_refused(change, message):
    """Compiled code would read beyond their ends."""
    mask = torch.tensor([[1, 0, 0, 1], [0, 0, 1, 0], [1, 1, 0, 0]]).bool()
    given = {
        "source": torch.zeros(1, 4, 5, 4, 16),
        "weight": torch.zeros(5, 3, 2),
        "packed": wiring(mask),
        "size": [1, 3, 3, 2, 16],
    } | change
    with pytest.raises(InvalidValueError, match=message):
        sparse_layer([given["source"]], [given["weight"]], [given["packed"]], None, SHAPE.flat(), given["size"])
