import ctypes
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann.nn.kernels import _compile
from swann.nn.kernels._compile import compile_function, n_vector_registers, vector_bytes


def answer(number):
    """Return assembly whose function returns a number; another number is other code."""
    return f"define i64 @answer() {{\n  ret i64 {number}\n}}"


def call(address):
    return ctypes.CFUNCTYPE(ctypes.c_int64)(address)()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the folder of an empty cache of machine code; nothing is remembered within the process."""
    monkeypatch.setenv("SWANN_CACHE_DIR", str(tmp_path))
    compile_function.cache_clear()
    yield tmp_path / "kernels"
    compile_function.cache_clear()


@pytest.fixture
def passes(monkeypatch):
    """Return a list that grows with each module that is optimised anew."""
    made, create = [], _compile.llvm.create_pass_builder
    monkeypatch.setattr(_compile.llvm, "create_pass_builder", lambda *a: made.append(1) or create(*a))
    return made


@given(st.integers(-(2**40), 2**40))
def test_the_function_is_called(number):
    assert call(compile_function(answer(number), "answer")) == number


def test_the_second_time_the_file_is_used(folder, passes):
    assert call(compile_function(answer(5), "answer")) == 5
    (file,) = folder.iterdir()
    assert file.suffix == ".o"
    assert passes
    passes.clear()
    before = file.read_bytes()
    assert compile_function(answer(5), "answer") == compile_function(answer(5), "answer")
    compile_function.cache_clear()
    assert call(compile_function(answer(5), "answer")) == 5
    assert not passes
    assert file.read_bytes() == before
    assert call(compile_function(answer(6), "answer")) == 6
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:0],
        lambda content: content[:10],
        lambda content: content[:-1],
        lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
        lambda content: content[:32],
    ],
    ids=["empty", "short", "cut", "a bit", "no code"],
)
def test_a_damaged_file_is_compiled_anew(folder, passes, damage):
    compile_function(answer(7), "answer")
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    compile_function.cache_clear()
    passes.clear()
    assert call(compile_function(answer(7), "answer")) == 7
    assert passes
    assert len(file.read_bytes()) == len(whole)


def test_without_a_folder_it_is_compiled_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("SWANN_CACHE_DIR", str(tmp_path / "file"))
    compile_function.cache_clear()
    assert call(compile_function(answer(8), "answer")) == 8
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_disk_that_is_full_stops_nothing(folder, monkeypatch):
    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    assert call(compile_function(answer(9), "answer")) == 9
    assert not list(folder.iterdir())


def test_a_file_that_cannot_be_read_is_passed_over(folder, monkeypatch):
    compile_function(answer(10), "answer")
    compile_function.cache_clear()

    def refuse(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_bytes", refuse)
    assert call(compile_function(answer(10), "answer")) == 10


def test_files_depend_on_the_processor(folder, monkeypatch):
    compile_function(answer(11), "answer")
    compile_function.cache_clear()
    monkeypatch.setattr(_compile.llvm, "get_host_cpu_name", lambda: "another")
    compile_function(answer(11), "answer")
    files = list(folder.iterdir())
    assert len(files) == 2
    assert all(stat.S_ISREG(file.stat().st_mode) for file in files)


@pytest.mark.parametrize(
    ("features", "n_bytes", "n_registers"),
    [
        ({"avx512f": True, "avx2": True}, 64, 32),
        ({"avx512f": False, "avx2": True}, 32, 16),
        ({"sse2": True}, 16, 16),
        ({"neon": True}, 16, 32),
    ],
)
def test_vectors_of_a_processor(monkeypatch, features, n_bytes, n_registers):
    monkeypatch.setattr(_compile.llvm, "get_host_cpu_features", lambda: features)
    assert vector_bytes.__wrapped__() == n_bytes
    assert n_vector_registers.__wrapped__() == n_registers
