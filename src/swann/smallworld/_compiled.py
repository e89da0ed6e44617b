import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numba

from .._errors import InvalidValueError

Function = TypeVar("Function", bound=Callable[..., Any])


def compiled(function: Function) -> Function:
    """Compile a function with numba on its first call, outside the interpreter's lock, and keep it on disk.

    Where no folder can be written to, the function is compiled anew in every process.
    """
    try:
        return numba.njit(nogil=True, cache=True)(function)  # type: ignore[no-any-return]
    except RuntimeError:
        return numba.njit(nogil=True)(function)  # type: ignore[no-any-return]


def check_threads(threads: int | None) -> int:
    """Return the number of threads to use: as given, or one for each core that this process may run on.

    Raises:
        InvalidValueError: a number below 1.
    """
    if threads is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if threads < 1:
        raise InvalidValueError(f"the number of threads must be at least 1, got {threads}")
    return threads


def run_in_threads(n_tasks: int, threads: int, start: Callable[[], tuple[Callable[[int], None], Any]]) -> list[Any]:
    """Share `n_tasks` tasks between threads and return what each thread gathered.

    Args:
        n_tasks: tasks are numbered from 0; each thread takes the next one when it is done with its last.
        threads: the number of threads; never more than there are tasks are started.
        start: called once by each thread; returns the function to call with a task's number, and the thread's result.
    """
    numbers = itertools.count()

    def work(_: int) -> Any:
        run, result = start()
        while (number := next(numbers)) < n_tasks:
            run(number)
        return result

    threads = min(threads, n_tasks)
    if threads <= 1:
        return [work(0)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, range(threads)))
