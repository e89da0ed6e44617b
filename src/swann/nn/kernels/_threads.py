import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, cast

import torch

WORKER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
"""A compiled function that takes a table's address."""


def run_on_all_threads(function: int, table: int) -> None:
    """Call a compiled function with a table's address from each of PyTorch's threads at once.

    PyTorch's own OpenMP threads do it where they can be found, so that no second pool of threads competes with them.

    Args:
        function: the function's address; it takes one pointer and returns when no task is left.
        table: the address that all threads hand to it.
    """
    n_threads = torch.get_num_threads()
    if n_threads == 1:
        WORKER(function)(table)
        return
    parallel = _openmp()
    if parallel is not None:
        parallel(function, table, n_threads, 0)
        return
    pool = _pool(n_threads - 1)
    others = [pool.submit(WORKER(function), table) for _ in range(n_threads - 1)]
    WORKER(function)(table)
    for other in others:
        other.result()


@cache
def _openmp() -> Callable[[int, int, int, int], None] | None:
    """Return GOMP_parallel of the OpenMP library that PyTorch has loaded; None where it has another one."""
    try:
        library = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOLOAD | os.RTLD_NOW)
        function = library.GOMP_parallel
    except (OSError, AttributeError):
        return None
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    function.restype = None
    return function


def openmp_address() -> int | None:
    """Return the address of that library's GOMP_parallel, for compiled code to call; None where there is none."""
    function = _openmp()
    return None if function is None else ctypes.cast(cast(Any, function), ctypes.c_void_p).value


@cache
def _pool(n_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads, thread_name_prefix="swann")
