import ctypes

import numpy as np
import pytest
import torch

from swann.nn.kernels import _turns
from swann.nn.kernels._turns import TURN, run_in_turn


@pytest.mark.parametrize("openmp", [True, False], ids=["openmp", "pool"])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_all_threads_work_through_each_table_before_the_next(monkeypatch, n_threads, openmp):
    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    if not openmp:
        monkeypatch.setattr(_turns, "openmp_address", lambda: None)
    calls = []

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    def note(table):
        calls.append(table)

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    def note_negative(table):
        calls.append(-table)

    functions = [ctypes.cast(function, ctypes.c_void_p).value for function in (note, note_negative, note)]
    turns = np.array(list(zip(functions, (64, 128, 192), strict=True)), dtype=np.int64)
    assert turns.shape[1] == len(TURN)
    try:
        run_in_turn(3, turns.ctypes.data)
    finally:
        torch.set_num_threads(before)
    assert calls == [table for table in (64, -128, 192) for _ in range(n_threads)]


def test_no_turns_are_no_work():
    run_in_turn(0, 0)
