import ctypes

import numpy as np
import pytest
import torch

from swann.nn.kernels._code import ELEMENTS, STORED, Code, lane_sums, runs
from swann.nn.kernels._compile import compile_function


def call(code, *arrays):
    code.do("ret void")
    names = ", ".join(f"ptr %{name}" for name in "ab"[: len(arrays)])
    lines = [f"define void @f({names}) {{", "entry:", *code.lines, "}"]
    declared = [line for line in lines if line.startswith("declare")]
    lines = declared + [line for line in lines if not line.startswith("declare")]
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * len(arrays))(compile_function("\n".join(lines), "f"))
    function(*(array.ctypes.data for array in arrays))


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize(("lanes", "n_vectors"), [(8, 1), (8, 2), (8, 8), (4, 4), (3, 1), (2, 1)])
def test_sums_of_lanes(element, lanes, n_vectors):
    scalar, suffix, size = ELEMENTS[element]
    numbers = np.random.default_rng(0).normal(size=(n_vectors, lanes)).astype(element)
    found, code = np.zeros(n_vectors, dtype=element), Code()
    vectors = [code.load(f"<{lanes} x {scalar}>", "%a", row * lanes * size, size) for row in range(n_vectors)]
    total = lane_sums(code, scalar, suffix, lanes, vectors)
    code.do(f"store <{n_vectors} x {scalar}> {total}, ptr %b, align {size}")
    call(code, numbers, found)
    np.testing.assert_allclose(found, numbers.sum(1), rtol=1e-5)


def test_runs_are_neighbours_in_powers_of_two():
    assert list(runs([0, 1, 2, 3, 4, 6, 7, 9], 4)) == [(0, 4), (4, 1), (5, 2), (7, 1)]
    assert list(runs([0, 1, 2], 3)) == [(0, 1), (1, 1), (2, 1)]


@pytest.mark.parametrize("stored", [torch.bfloat16, torch.float16])
def test_half_precision_is_widened_exactly(stored):
    numbers = torch.tensor([1.0, -2.5, 3e-3, float("inf")]).to(stored)
    kind, _, size = STORED[str(stored).removeprefix("torch.")]
    found, code = np.zeros(4, dtype=np.float32), Code()
    loaded = code.load(f"<4 x {kind}>", "%a", 0, size)
    code.do(f"store <4 x float> {code.widened(loaded, f'<4 x {kind}>', '<4 x float>')}, ptr %b, align 4")
    call(code, numbers.view(torch.int16).numpy(), found)
    assert found.tolist() == numbers.float().tolist()


def test_picked_and_splat_lanes():
    numbers, found, code = np.array([1.0, 2, 3, 4], dtype=np.float32), np.zeros(4, dtype=np.float32), Code()
    vector = "<4 x float>"
    picked = code.picked(vector, code.load(vector, "%a", 0, 4), (3, None, 0, 0))
    total = code.value(f"fadd {vector} {picked}, {code.splat(vector, code.load('float', '%a', 4, 4))}")
    code.do(f"store {vector} {total}, ptr %b, align 4")
    call(code, numbers, found)
    assert found.tolist() == [6, 2, 3, 3]


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("n_lanes", [1, 3, 4])
def test_the_first_lanes_alone_are_read_and_written(element, n_lanes):
    scalar, _, size = ELEMENTS[element]
    numbers, found, code = np.array([1, 2, 3, np.nan], dtype=element), np.full(8, 9, dtype=element), Code()
    whole, part = found[:4], found[4:]
    loaded = code.load_part(f"<4 x {scalar}>", min(n_lanes, 3), "%a", 0, size)
    code.do(f"store <4 x {scalar}> {loaded}, ptr %b, align {size}")
    code.store_part(f"<4 x {scalar}>", n_lanes, loaded, code.address("%b", 4 * size), size)
    call(code, numbers, found)
    expected = [1, 2, 3][: min(n_lanes, 3)] + [0] * (4 - min(n_lanes, 3))
    assert whole.tolist() == expected
    assert part.tolist() == expected[:n_lanes] + [9] * (4 - n_lanes)
