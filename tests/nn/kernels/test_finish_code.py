import ctypes

import numpy as np
import pytest

from swann.nn.kernels._compile import compile_function
from swann.nn.kernels._finish_code import each_channel, each_vector, opened


@pytest.mark.parametrize(("length", "rest"), [(11, 3), (8, 0), (2, 2)])
def test_each_vector_of_each_channel_is_worked_on_once(length, rest):
    code = opened()
    with each_channel(code) as (table, channel):

        def doubled(offset, width):
            kind, at = f"<{width} x double>", code.value(f"mul i64 {offset}, 8")
            value = code.load(kind, channel["source"], at, 8)
            place = code.address(channel["result"], at)
            code.do(f"store {kind} {code.value(f'fadd {kind} {value}, {value}')}, ptr {place}, align 8")

        each_vector(code, table["place"], 4, rest, doubled)
    source = np.arange(2.0 * length).reshape(2, length)
    result = np.zeros((2, length + 1))
    tasks = np.zeros((2, 4), dtype=np.int64)
    tasks[:, 0] = source.ctypes.data + 8 * length * np.arange(2)
    tasks[:, 1] = result.ctypes.data + 8 * (length + 1) * np.arange(2)
    table = np.array([0, 2, tasks.ctypes.data, 1, 1, 1, 1, length], dtype=np.int64)
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(compile_function("\n".join(code.lines), "run"))(table.ctypes.data)
    assert np.array_equal(result[:, :-1], 2 * source)
    assert not result[:, -1].any()
