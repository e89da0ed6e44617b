import numpy as np

from swann.nn.kernels import adaptive_axis, strided_axis
from swann.nn.kernels._gather_assembly import SCATTERED
from swann.nn.kernels._windows import Windows, stored_numbers, window_numbers


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
    windows = Windows.of("mean", np.array([[0, 2, 4], [1, -1, 5], [2, -1, -1]]), 2, "float64")
    assert windows.scales.tolist() == [1 / 3, 1, 1 / 2, 0]
    assert windows.offsets[1].tolist() == [SCATTERED, 4, 1, 5, 2, 0]
    assert windows.record[:3].tolist() == [3, 2, 1]
    assert windows.length == 3
