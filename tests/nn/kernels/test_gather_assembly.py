import ctypes

import numpy as np

from swann.nn.kernels._compile import compile_function
from swann.nn.kernels._gather_assembly import NOTHING, SCATTERED, ZERO, gather_function


def test_vectors_of_one_segment():
    """One that follows each other behind a zero, one in any order, and one whose last two elements are not stored."""
    offsets = np.array([ZERO, 1, 2, 3, 5, 0, ZERO, 2, 4, 5, NOTHING, NOTHING], dtype=np.int32)
    bases = np.array([0, SCATTERED, 4], dtype=np.int32)
    source = np.arange(12, dtype=np.float32).reshape(2, 6) + 1
    result = np.full((2, 12), -1, dtype=np.float32)
    segment = np.array([result.ctypes.data, 10 * 4, offsets.ctypes.data, bases.ctypes.data, 2, 3], dtype=np.int64)
    table = np.array([0, 2, source.ctypes.data, 6 * 4, 1, segment.ctypes.data], dtype=np.int64)
    function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(compile_function(gather_function("float32", 4), "gather"))
    function(table.ctypes.data)
    first, second = [0, 2, 3, 4, 6, 1, 0, 3, 5, 6], [0, 8, 9, 10, 12, 7, 0, 9, 11, 12]
    assert result.ravel().tolist() == [*first, *second, -1, -1, -1, -1]
