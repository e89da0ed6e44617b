import numba
import pytest

from swann._errors import InvalidValueError
from swann.smallworld import _compiled
from swann.smallworld._compiled import check_threads, compiled, run_in_threads


def test_every_task_runs_once_whatever_the_number_of_threads():
    for threads in (1, 2, 7):
        done = []

        def start(done=done):
            own = []
            done.append(own)
            return own.append, own

        results = run_in_threads(20, threads, start)
        assert sorted(number for own in results for number in own) == list(range(20))
        assert results == done or len(results) == len(done)


def test_an_error_in_a_thread_reaches_the_caller():
    def start():
        def fail(number):
            raise ValueError(f"task {number}")

        return fail, None

    with pytest.raises(ValueError, match="task"):
        run_in_threads(4, 2, start)


def test_without_a_folder_for_the_cache_functions_compile_all_the_same(monkeypatch):
    njit = numba.njit

    def njit_without_folder(**options):
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function: no locator available")
        return njit(**options)

    monkeypatch.setattr(_compiled.numba, "njit", njit_without_folder)
    assert compiled(lambda number: number + 1)(2) == 3


def test_threads_are_the_cores_unless_given():
    assert check_threads(None) >= 1
    assert check_threads(3) == 3
    with pytest.raises(InvalidValueError, match="the number of threads must be at least 1, got -1"):
        check_threads(-1)
