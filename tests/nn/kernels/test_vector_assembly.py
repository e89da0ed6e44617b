import numpy as np
import pytest
from tile_calls import call_tile

from swann.nn.kernels._vector_assembly import vector_function


@pytest.mark.parametrize("n_edges", [1, 6])
def test_each_tap_picks_what_the_places_meet(n_edges):
    """Three places of a kernel of two taps: its first tap meets the place before, its second the place itself."""
    picked = ((None, 0, 1, None), (0, 1, 2, None))
    generator = np.random.default_rng(0)
    operand = generator.normal(size=(5, 4)).astype(np.float32)
    weights = generator.normal(size=(n_edges, 2)).astype(np.float32)
    sources = generator.integers(0, 5, n_edges)
    start = np.array([1.0, 2, 3], dtype=np.float32)
    found = call_tile(vector_function(picked, 3, "float32"), start.copy(), operand, sources, weights)
    maps = operand[sources, :3]
    before = np.pad(maps, ((0, 0), (1, 0)))[:, :3]
    expected = start + (weights[:, :1] * before + weights[:, 1:] * maps).sum(0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
