import numpy as np
import pytest
from tile_calls import call_tile

from swann.nn.kernels._pair_assembly import pair_function


@pytest.mark.parametrize("n_edges", [1, 5, 9, 20])
@pytest.mark.parametrize("element", ["float32", "float64"])
def test_each_lane_adds_its_product_to_its_place(n_edges, element):
    """Two places, three taps: the first place meets taps 0 and 2, the second meets tap 1 twice over."""
    lanes = ((0, 0), (0, 2), (1, 1), None)
    generator = np.random.default_rng(0)
    operand = generator.normal(size=(4, 4)).astype(element)
    operand[:, 3] = 0
    weights = generator.normal(size=(n_edges, 3)).astype(element)
    sources = generator.integers(0, 4, n_edges)
    start = np.array([10.0, 20], dtype=element)
    found = call_tile(pair_function((lanes,), 3, element), start.copy(), operand, sources, weights)
    met = operand[sources]
    of_first = weights[:, 0] * met[:, 0] + weights[:, 2] * met[:, 1]
    expected = start + np.array([of_first.sum(), (weights[:, 1] * met[:, 2]).sum()])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_taps_beyond_one_vector_are_loaded_apart():
    """Five taps and two lanes: the third vector has one tap of its own."""
    vectors = (((0, 0), (0, 1)), ((0, 2), (0, 3)), ((0, 4), None))
    operand = np.array([[1.0, 10, 100, 1000, 10000, 0]], dtype=np.float32)
    weights = np.array([[1.0, 2, 3, 4, 5], [9.0, 8, 7, 6, 5]], dtype=np.float32)
    found = call_tile(pair_function(vectors, 5, "float32"), np.zeros(1, dtype=np.float32), operand, [0, 0], weights)
    assert found.tolist() == [54321 + 56789]
