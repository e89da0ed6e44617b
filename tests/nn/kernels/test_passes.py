import pytest
import torch
from links import Case, random_mask, relative_error, shape_of

from swann.nn.kernels import to_blocks
from swann.nn.kernels._passes import input_gradient_

SHAPES = (
    shape_of((6, 5), (6, 5), (3, 3), (1, 1), (1, 1), (1, 1)),
    shape_of((6, 5), (3, 2), (3, 2), (2, 2), (1, 0), (1, 1)),
)


@pytest.mark.parametrize("batch", [3, 16, 32])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_layers_of_different_sizes_add_to_the_gradient_of_one_map(batch, dtype):
    """To what the gradient held before; the dense convolutions in float64 are the reference."""
    generator = torch.Generator().manual_seed(0)
    cases = [
        Case((shape,), (random_mask(n_targets, 4, 0.6, seed=n_targets),), n_targets, batch)
        for shape, n_targets in zip(SHAPES, (7, 3), strict=True)
    ]
    source = torch.randn(batch, 4, 6, 5, generator=generator, dtype=torch.float64).requires_grad_()
    before = torch.randn(batch, 4, 6, 5, generator=generator, dtype=torch.float64)
    expected, gradients, weights = before.clone(), [], []
    for case in cases:
        weight = case.operands(torch.float64)[1][0]
        gradient = torch.randn(batch, case.n_targets, *case.target, generator=generator, dtype=torch.float64)
        expected += torch.autograd.grad(case.dense([source], [weight], None), source, gradient)[0]
        gradients.append(to_blocks(gradient.to(dtype)))
        weights.append(weight.to(dtype))
    result = to_blocks(before.to(dtype))
    wirings = [case.wirings()[0] for case in cases]
    shapes = [number for shape in SHAPES for number in shape.flat()]
    input_gradient_(result, gradients, weights, wirings, shapes)
    assert relative_error(result, to_blocks(expected)) < (1e-5 if dtype == torch.float32 else 1e-12)
