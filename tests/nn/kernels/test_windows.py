import numpy as np

from swann.nn.kernels import adaptive_axis, strided_axis
from swann.nn.kernels._gather_assembly import SCATTERED
from swann.nn.kernels._window_assembly import NEAR
from swann.nn.kernels._windows import Windows, _near, stored_numbers, window_numbers


def test_windows_along_an_axis():
    assert strided_axis(5, 3, 2, 1, 1) == ((0, 1), (1, 2, 3), (3, 4))
    assert strided_axis(5, 2, 1, 0, 2) == ((0, 2), (1, 3), (2, 4))
    assert adaptive_axis(2, 3) == ((0,), (0, 1), (1,))
    assert adaptive_axis(4, 2) == ((0, 1), (2, 3))


def test_the_elements_of_each_window():
    """Of a map of 2×3 places that is stored as 2×4, two samples beside each other."""
    found = window_numbers([((0, 1),), ((0, 1), (2,))], (2, 4), 2)
    assert found.tolist() == [[0, 1, 4, 5], [2, 3, -1, -1], [8, 9, 12, 13], [10, 11, -1, -1]]


def test_where_the_elements_of_a_map_are_stored():
    """The map of shape [2 samples, 2, 2] is stored as [2, 3, 2 samples]."""
    found = stored_numbers(np.array([0, 1, 2, 3, 4, -1, 7], dtype=np.int32), (2, 2), (2, 3), 2)
    assert found.tolist() == [0, 2, 6, 8, 1, -1, 9]


def test_means_divide_by_the_elements_that_there_are():
    windows = Windows.of("mean", np.array([[0, 2, 4], [1, -1, 5], [2, -1, -1]]), 6, "float64")
    assert windows.scales[:3].tolist() == [1 / 3, 1, 1 / 2]
    assert not windows.scales[3:].any()
    assert windows.record[0] == windows.length == 3


def test_what_is_near_is_read_from_two_vectors():
    """The last two vectors' elements are not all within two vectors, and those of a map of less are not either."""
    filled = np.array([[2, 4, 6, 8], [9, -1, 15, 13], [0, 8, 9, 10], [4, 5, 6, 7]], dtype=np.int32)
    bases = np.array([SCATTERED, SCATTERED, SCATTERED, 4], dtype=np.int32)
    assert _near(filled, bases, 16).tolist() == [NEAR + 2, NEAR + 8, SCATTERED, 4]
    assert _near(filled[:1], bases[:1], 9).tolist() == [NEAR + 1]
    assert _near(filled[:1], bases[:1], 7).tolist() == [SCATTERED]
