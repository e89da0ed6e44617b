"""Calls of compiled tile functions with arrays."""

import ctypes

import numpy as np

from swann.nn.kernels._compile import compile_function

_TILE = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 2, ctypes.c_int64, *[ctypes.c_void_p] * 3, *[ctypes.c_int64] * 2)


def call_tile(assembly, result, operand, sources, weights):
    """Add all edges of one node, whose sources are numbered, to a result; operand has a row for each source."""
    indices = np.array(sources, dtype=np.int32)
    function = _TILE(compile_function(assembly, "tile"))
    addresses = [array.ctypes.data for array in (result, operand)]
    more = [array.ctypes.data for array in (indices, weights)]
    function(*addresses, operand.strides[0], *more, None, 0, len(indices))
    return result
