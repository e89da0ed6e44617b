import hashlib
import threading
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from ..._files import cache_folder, replacing

_LOCK = threading.Lock()


@cache
def _target_machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    features = llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=3)


def processor() -> str:
    """Return the name of this processor, as compilers know it, and what it has."""
    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


@cache
def vector_bytes() -> int:
    """Return the bytes of the widest vector register of this processor."""
    features = llvm.get_host_cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx2") else 16


@cache
def can_mask() -> bool:
    """Return whether this processor loads and stores some lanes of a vector in one instruction."""
    return vector_bytes() > 16


@cache
def n_vector_registers() -> int:
    """Return the number of vector registers of this processor."""
    features = llvm.get_host_cpu_features()
    return 32 if features.get("avx512f") or features.get("neon") else 16


@cache
def compile_function(assembly: str, name: str) -> int:
    """Compile a module of LLVM assembly for this processor and return the address of one of its functions.

    The machine code is kept in a file, by content, and taken from there the next time.
    """
    with _LOCK:
        machine = _target_machine()
        kept = _file(assembly, machine)
        module = llvm.parse_assembly(assembly)
        module.triple = machine.triple
        code = _read(kept)
        if code is None:
            options = llvm.create_pipeline_tuning_options(speed_level=2)
            llvm.create_pass_builder(machine, options).getModulePassManager().run(
                module, llvm.create_pass_builder(machine, options)
            )
        engine = llvm.create_mcjit_compiler(module, machine)
        engine.set_object_cache(lambda _, compiled: _write(kept, compiled), lambda _: code)
        engine.finalize_object()
        _ENGINES.append(engine)
        return int(engine.get_function_address(name))


_ENGINES: list[Any] = []
"""The owners of all compiled code, which lives as long as the process."""


def _file(assembly: str, machine: Any) -> Path | None:
    folder = cache_folder("kernels")
    if folder is None:
        return None
    about = _about(machine.triple, llvm.get_host_cpu_name())
    return folder / f"{hashlib.sha256(chr(10).join((*about, assembly)).encode()).hexdigest()}.o"


@cache
def _about(triple: str, cpu: str) -> tuple[str, ...]:
    """Return what else machine code depends on; finding it takes longer than loading a function."""
    features = llvm.get_host_cpu_features().flatten()
    return version("llvmlite"), str(llvm.llvm_version_info), triple, cpu, features


_DIGEST = hashlib.sha256().digest_size


def _read(path: Path | None) -> bytes | None:
    """Return the machine code of a file; None where there is none or it is damaged."""
    if path is None or not path.is_file():
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    code = content[_DIGEST:]
    return code if code and hashlib.sha256(code).digest() == content[:_DIGEST] else None


def _write(path: Path | None, code: bytes) -> None:
    if path is None:
        return
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(hashlib.sha256(code).digest() + code)
    except OSError:
        pass  # it is compiled again the next time
