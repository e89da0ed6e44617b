"""Layers computed by the block kernels, in Triton's interpreter on the CPU, or on a GPU."""

from functools import cache

import pytest
import torch
from hypothesis import strategies as st
from links import Case, random_mask

from swann.nn.gpu import block_layer, block_tables
from swann.nn.kernels import LinkShape

try:
    import triton.language as tl
except ImportError:  # the tests that need it are skipped
    tl = None

PLANE = LinkShape((5, 4), (3, 2), (3, 2), (2, 2), (1, 0), (1, 1))
CROP = LinkShape((9, 8), (3, 2), (1, 1), (4, 3), (-1, -2), (1, 1))
DILATED = LinkShape((4, 5), (3, 2), (3, 3), (1, 2), (2, 2), (2, 3))


def loop(numbers):
    for number in range(tl.load(numbers)):
        tl.store(numbers + 1, number)


@cache
def interpreter_runs():
    """Return whether Triton's interpreter runs any loop here; that of 3.6 and before does not with NumPy 2.4."""
    triton = pytest.importorskip("triton")
    before = triton.knobs.runtime.interpret
    triton.knobs.runtime.interpret = True
    try:
        numbers = torch.tensor([3, 0])
        triton.jit(loop)[(1,)](numbers)
    except triton.runtime.errors.InterpreterError:
        return False
    finally:
        triton.knobs.runtime.interpret = before
    return numbers[1] == 2


def needs_interpreter():
    """Skip the test where the interpreter itself fails."""
    if not interpreter_runs():
        pytest.skip("Triton's interpreter does not run with this NumPy")


def block_mask(n_targets, n_sources, size, density, seed=0):
    """Return a mask of blocks of channels, the last of which may be smaller."""
    coarse = random_mask(-(-n_targets // size), -(-n_sources // size), density, seed=seed)
    return coarse.repeat_interleave(size, 0)[:n_targets].repeat_interleave(size, 1)[:, :n_sources]


def case_of(batch=2, n_sources=(3, 20, 33), n_targets=18, size=16, density=0.6, shapes=(PLANE, CROP, DILATED)):
    """Return three links of different geometry, with input tiles of 3, 16 and 4, 16 and 16 and 1 channels."""
    masks = [block_mask(n_targets, count, size, density, seed=number) for number, count in enumerate(n_sources)]
    return Case(tuple(shapes[: len(masks)]), tuple(masks), n_targets, batch)


def by_tiles(case, sources, weights, bias, tile=16, device="cpu"):
    """Return what the operator makes of maps of shape `[batch, sources, *size]`."""
    if device == "cpu":
        needs_interpreter()
    layout, tables = block_tables(case.masks, case.shapes, tile)
    planes = [source.reshape(*source.shape[:2], *(1,) * (4 - source.ndim), *source.shape[2:]) for source in sources]
    weights = [weight.reshape(len(weight), layout.links[number].n_taps) for number, weight in enumerate(weights)]
    result = block_layer(planes, weights, bias, tables.to(device), layout.flat())
    return result.reshape(case.batch, case.n_targets, *case.target)


def gradients(compute, operands, direction):
    """Return a layer's map and the gradients of its operands."""
    sources, weights, bias = operands
    leaves = [tensor.detach().requires_grad_() for tensor in (*sources, *weights, bias)]
    result = compute(leaves[: len(sources)], leaves[len(sources) : -1], leaves[-1])
    return result, *torch.autograd.grad(result, leaves, direction.to(result.dtype))


@st.composite
def tiled_cases(draw):
    """Draw a layer of any geometry in the plane, in blocks of any size, with full tiles and small rests."""
    n_dims = draw(st.integers(0, 2))
    target = tuple(draw(st.integers(1, 3)) for _ in range(n_dims))
    n_targets, shapes, masks = draw(st.sampled_from([1, 3, 10, 16, 35])), [], []
    for _ in range(draw(st.integers(1, 2))):
        axes = [
            (draw(st.integers(1, 7)), n, *(draw(st.integers(*ends)) for ends in ((1, 3), (1, 4), (-2, 2), (1, 2))))
            for n in target
        ]
        shapes.append(LinkShape(*(tuple(axis[part] for axis in axes) for part in range(6))))
        n_sources, size = draw(st.sampled_from([1, 3, 16, 20])), draw(st.sampled_from([1, 4, 16]))
        masks.append(
            block_mask(n_targets, n_sources, size, draw(st.sampled_from([0.0, 0.3, 1.0])), draw(st.integers(0, 9)))
        )
    return Case(tuple(shapes), tuple(masks), n_targets, draw(st.integers(0, 3)))
