import inspect
import re

import pytest

from swann.nn.gpu._compiled import kernel, numbers_of

triton = pytest.importorskip("triton")
_KERNELS = (
    "write_addresses", "pack", "unpack", "forward", "add_parts", "input_gradient", "weight_gradient", "bias_gradient",
)  # fmt: skip
_PRODUCTS = ("forward", "input_gradient", "weight_gradient")
_TYPES = {
    "addresses": "*i64",
    "table": "*i64",
    "tables": "*i32",
    "programs": "*i32",
    "bias": "*fp32",
    "partial": "*fp32",
}


def compiled(name, capability, tile):
    """Compile a kernel for a GPU that need not be here."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    function = kernel(name, interpreted=False)
    constants = {
        "COUNT": 2, "HAS_BIAS": True, "IS_TURNED": False, "IS_WIDE": False, "KIND": triton.language.float16,
        "PRECISION": "ieee", "ALIGNMENT": 16, "TILE": tile, "LANES": 64, "PLACES": 64, "ROWS": 8, "TAPS": 4,
    }  # fmt: skip
    signature = {}
    for argument, parameter in inspect.signature(function.fn).parameters.items():
        if argument in numbers_of(function.fn):
            signature[argument] = "i64" if name == "write_addresses" else "i32"
        else:
            is_pointer = parameter.annotation is parameter.empty
            signature[argument] = _TYPES.get(argument, "*fp16") if is_pointer else "constexpr"
    chosen = {argument: constants[argument] for argument, kind in signature.items() if kind == "constexpr"}
    aligned = {
        (number,): [["tt.divisibility", 16]] for number, kind in enumerate(signature.values()) if kind.startswith("*")
    }
    source = ASTSource(fn=function, signature=signature, constexprs=chosen, attrs=aligned)
    return triton.compile(source, target=GPUTarget("cuda", capability, 32))


@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")
@pytest.mark.parametrize("name", _KERNELS)
def test_each_kernel_compiles_for_a_gpu_that_is_not_here(name, tmp_path, monkeypatch):
    """The interpreter takes more than the compiler does."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    found = compiled(name, 80, 32 if name == "forward" else 16).asm
    assert len(found["cubin"]) > 1000
    assert not re.search(r"\b(red|atom)\.", found["ptx"])
    if name in _PRODUCTS:
        assert "mma.sync" in found["ptx"]  # tensor cores
        assert ", 0x10" in found["ptx"]  # copies of 16 bytes
        assert not re.search(r"ld\.global[\w.]*\.[bu]16 ", found["ptx"])  # not of single numbers
