import ctypes
import threading

import pytest
import torch
from links import Case, random_mask, shape_of

from swann.nn.kernels import _threads
from swann.nn.kernels._threads import run_on_all_threads

SHAPE = shape_of((9, 8), (9, 8), (3, 3), (1, 1), (1, 1), (1, 1))


@pytest.fixture
def threads():
    """Return torch.set_num_threads, and set the number back in the end."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def everything(case):
    """Return a layer's map and its gradients."""
    sources, weights, bias = case.operands(torch.float32)
    wanted = [tensor.requires_grad_() for tensor in (*sources, *weights, bias)]
    result = case.sparse(sources, weights, bias)
    return [result, *torch.autograd.grad(result.square().sum(), wanted)]


@pytest.mark.parametrize("openmp", [True, False], ids=["openmp", "pool"])
@pytest.mark.parametrize("batch", [3, 16, 32])
def test_the_number_of_threads_changes_nothing(threads, monkeypatch, batch, openmp):
    case = Case((SHAPE,), (random_mask(13, 11, 0.4),), 13, batch)
    threads(1)
    expected = everything(case)
    if not openmp:
        monkeypatch.setattr(_threads, "_openmp", lambda: None)
    for number in (2, 3):
        threads(number)
        for left, right in zip(everything(case), expected, strict=True):
            assert torch.equal(left, right)


@pytest.mark.parametrize("openmp", [True, False], ids=["openmp", "pool"])
def test_as_many_threads_as_torch_has_call_the_function(threads, monkeypatch, openmp):
    if openmp and _threads._openmp() is None:
        pytest.skip("PyTorch has loaded no libgomp here")
    if not openmp:
        monkeypatch.setattr(_threads, "_openmp", lambda: None)
    calls = []

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    def note(table):
        calls.append(table)

    address = ctypes.cast(note, ctypes.c_void_p).value
    for number in (1, 2, 3):
        calls.clear()
        threads(number)
        run_on_all_threads(address, 123)
        assert calls == [123] * number


def test_no_openmp_library_is_no_error(monkeypatch):
    def missing(*_, **__):
        raise OSError("libgomp.so.1: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert _threads._openmp.__wrapped__() is None


@pytest.mark.parametrize("openmp", [True, False], ids=["openmp", "pool"])
def test_two_threads_compute_at_once(threads, monkeypatch, openmp):
    if not openmp:
        monkeypatch.setattr(_threads, "_openmp", lambda: None)
    threads(2)
    batches = [Case((SHAPE,), (random_mask(13, 11, 0.4),), 13, batch) for batch in (16, 32)]
    expected = [everything(case) for case in batches]
    wrong, start = [], threading.Barrier(2)

    def work(number):
        start.wait()
        for _ in range(10):
            found = everything(batches[number])
            wrong.extend(not torch.equal(a, b) for a, b in zip(found, expected[number], strict=True))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(wrong) == 2 * 10 * 4
    assert not any(wrong)
