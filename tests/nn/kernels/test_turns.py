import ctypes

import numpy as np
import pytest
import torch

from swann.nn.kernels import _turns
from swann.nn.kernels._assembly import TABLE
from swann.nn.kernels._turns import run_in_turn


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

    tables = np.zeros((3, len(TABLE)), dtype=np.int64)
    try:
        run_in_turn(ctypes.cast(note, ctypes.c_void_p).value, tables)
    finally:
        torch.set_num_threads(before)
    stands = [tables.ctypes.data + number * tables.strides[0] for number in range(3)]
    assert calls == [table for table in stands for _ in range(n_threads)]


def test_no_tables_are_no_work():
    run_in_turn(0, np.zeros((0, len(TABLE)), dtype=np.int64))
