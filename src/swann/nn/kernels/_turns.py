"""Tables that all threads work through one after the other, in one call."""

import ctypes
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray

from ._assembly import TABLE
from ._code import Code, row_of
from ._compile import compile_function
from ._threads import openmp_address, run_on_all_threads

TURNS = ("n_tables", "tables", "function", "parallel", "n_threads")
"""How many tables there are, and where; what works through one; GOMP_parallel, or 0 where one thread does it."""

_CALL = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def run_in_turn(function: int, tables: NDArray[np.int64]) -> None:
    """Call a compiled function with the address of each table from all of PyTorch's threads, one table at a time.

    Args:
        function: the function's address, see `swann.nn.kernels._threads.run_on_all_threads`.
        tables: one in each row, contiguous; see `swann.nn.kernels._assembly.TABLE`.
    """
    n_threads = torch.get_num_threads()
    parallel = 0 if n_threads == 1 else openmp_address()
    if parallel is None:
        for number in range(len(tables)):
            run_on_all_threads(function, tables.ctypes.data + number * tables.strides[0])
        return
    turns = np.array([len(tables), tables.ctypes.data, function, parallel, n_threads], dtype=np.int64)
    _turns()(turns.ctypes.data)


@cache
def _turns() -> "ctypes._CFunctionType":
    return _CALL(compile_function(turns_function(), "turns"))


def turns_function() -> str:
    """Return a module with the function `turns`, which takes a row of the columns `TURNS`."""
    code = Code()
    code.lines += ["define void @turns(ptr %table) {", "entry:"]
    columns = row_of(code, TURNS, "%table")
    tables, function, parallel = (code.value(f"inttoptr i64 {columns[name]} to ptr") for name in TURNS[1:4])
    n_threads = code.value(f"trunc i64 {columns['n_threads']} to i32")
    is_alone = code.value(f"icmp eq ptr {parallel}, null")
    with code.loop("0", columns["n_tables"]) as number:
        table = code.address(tables, code.value(f"mul i64 {number}, {8 * len(TABLE)}"))
        code.do(f"br i1 {is_alone}, label %alone, label %together")
        code.lines.append("alone:")
        code.do(f"call void {function}(ptr {table})")
        code.do("br label %next")
        code.lines.append("together:")
        code.do(f"call void {parallel}(ptr {function}, ptr {table}, i32 {n_threads}, i32 0)")
        code.do("br label %next")
        code.lines.append("next:")
    code.do("ret void")
    code.lines.append("}")
    return "\n".join(code.lines)
