import ctypes

import numpy as np

from swann.nn.kernels._average_assembly import average_function, average_gradient_function
from swann.nn.kernels._compile import compile_function


def call(function, source, result):
    tasks = np.array([source.ctypes.data, result.ctypes.data, 0, 0], dtype=np.int64)
    table = np.array([0, 1, tasks.ctypes.data, 1, 5, 1, 2, 1], dtype=np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(compile_function(function, "run"))(table.ctypes.data)


def test_windows_that_share_a_place_by_hand():
    """Five places to two: the windows are the first three and the last three."""
    means = np.zeros(2)
    call(average_function("float64", 8, 1), np.array([1.0, 2, 3, 4, 8]), means)
    assert means.tolist() == [2, 5]
    gradient = np.ones(5)
    call(average_gradient_function("float64", 8, 1), np.array([3.0, 6.0]), gradient)
    assert gradient.tolist() == [2, 2, 4, 3, 3]
