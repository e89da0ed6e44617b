import ctypes

import numpy as np

from swann.nn.kernels._compile import compile_function
from swann.nn.kernels._norm_assembly import combination_function, sums_function


def call(function, length, *addresses):
    tasks = np.array(addresses, dtype=np.int64)
    table = np.array([0, 1, tasks.ctypes.data, 1, 1, 1, 1, length], dtype=np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(compile_function(function, "run"))(table.ctypes.data)


def test_by_hand():
    """Five elements: one vector of four, and one element by itself."""
    first, second = np.arange(1, 6, dtype=np.float32), np.array([1, 0, 2, 0, 3], dtype=np.float32)
    sums = np.zeros(2)
    call(sums_function("float32", 4, 1), 5, first.ctypes.data, sums.ctypes.data, 0, second.ctypes.data)
    assert sums.tolist() == [15, 1 + 6 + 15]
    result, scales = np.zeros(5, dtype=np.float32), np.array([2, 10, 0.5], dtype=np.float32)
    addresses = (array.ctypes.data for array in (first, result, scales, second))
    call(combination_function("float32", 4, 1), 5, *addresses)
    assert result.tolist() == [12.5, 4.5, 26.5, 8.5, 40.5]


def test_rectified_by_hand():
    source, other = np.array([1, 2, 3, 4, -5], dtype=np.float32), np.array([1, -1, 0, np.nan, 2], dtype=np.float32)
    result, scales = np.zeros(5, dtype=np.float32), np.array([2, 10, 0.5], dtype=np.float32)
    addresses = (array.ctypes.data for array in (source, result, scales, other))
    call(combination_function("float32", 4, 1, ("other",)), 5, *addresses)
    np.testing.assert_equal(result, np.array([12.5, 0, 0, np.nan, 10.5], dtype=np.float32))
    other[3] = -4
    for rectified, expected in ((("other",), [5, 1 - 10]), (("source", "other"), [10, 1])):
        sums = np.zeros(2)
        function = sums_function("float32", 4, 1, rectified)
        call(function, 5, source.ctypes.data, sums.ctypes.data, 0, other.ctypes.data)
        assert sums.tolist() == expected
