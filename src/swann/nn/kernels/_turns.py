"""Tables that all threads work through one after the other, in one call."""

import ctypes
from functools import cache

import numpy as np
import torch

from ._code import Code, row_address, row_of
from ._compile import compile_function
from ._threads import WORKER, openmp_address, run_on_all_threads

TURNS = ("n_turns", "turns", "parallel", "n_threads")
"""How many turns there are, and where; GOMP_parallel, or 0 where one thread does it."""

TURN = ("function", "table")
"""What works through a table, and the table's address."""


def run_in_turn(n_turns: int, turns: int) -> None:
    """Call compiled functions with their tables' addresses from all of PyTorch's threads, one turn after the other.

    Args:
        n_turns: how many.
        turns: where they stand, in rows of the columns `TURN`; for the functions see
            `swann.nn.kernels._threads.run_on_all_threads`.
    """
    n_threads = torch.get_num_threads()
    parallel = 0 if n_threads == 1 else openmp_address()
    if parallel is None:
        rows = (ctypes.c_int64 * (len(TURN) * n_turns)).from_address(turns)
        for function, table in zip(rows[::2], rows[1::2], strict=True):
            run_on_all_threads(function, table)
        return
    arguments = np.array([n_turns, turns, parallel, n_threads], dtype=np.int64)
    _turns()(arguments.ctypes.data)


@cache
def _turns() -> "ctypes._CFunctionType":
    return WORKER(compile_function(turns_function(), "turns"))


def turns_function() -> str:
    """Return a module with the function `turns`, which takes a row of the columns `TURNS`."""
    code = Code()
    code.lines += ["define void @turns(ptr %table) {", "entry:"]
    columns = row_of(code, TURNS, "%table")
    turns, parallel = (code.value(f"inttoptr i64 {columns[name]} to ptr") for name in TURNS[1:3])
    n_threads = code.value(f"trunc i64 {columns['n_threads']} to i32")
    is_alone = code.value(f"icmp eq ptr {parallel}, null")
    with code.loop("0", columns["n_turns"]) as number:
        turn = row_of(code, TURN, row_address(code, TURN, turns, number))
        function, table = (code.value(f"inttoptr i64 {turn[name]} to ptr") for name in TURN)
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
