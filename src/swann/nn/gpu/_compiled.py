import importlib
import inspect
from functools import cache
from typing import Any

from ..._errors import MissingExtraError

Kernel = Any
"""A kernel that Triton compiled, or that its interpreter runs; `kernel[grid](*arguments)` launches it."""

_POINTERS = {"addresses", "tables", "table", "programs", "packed", "bias", "result", "gradient", "partial"}


def has_triton() -> bool:
    """Return whether Triton can be imported."""
    try:
        importlib.import_module("triton")
    except ImportError:
        return False
    return True


@cache
def kernel(name: str, *, interpreted: bool) -> Kernel:
    """Return a kernel of `_kernels` or `_weight_kernels`.

    No whole number is specialised: layers of all sizes share a few compiled variants.

    Args:
        name: of the function.
        interpreted: whether it is to run in Triton's interpreter, on tensors on the CPU; slow, it is there for tests.

    Raises:
        MissingExtraError: Triton is not installed.
    """
    try:
        triton = importlib.import_module("triton")
    except ImportError as error:
        raise MissingExtraError(
            "Triton is not installed: on a GPU the sparse backend needs it, and PyTorch's builds for CUDA on Linux "
            "bring it along; install it with: pip install triton, or use backend 'masked' or 'joined'"
        ) from error
    products, others = (importlib.import_module(f".{each}", __package__) for each in ("_kernels", "_weight_kernels"))
    function = getattr(products, name, None) or getattr(others, name)
    interpret = triton.knobs.runtime.interpret
    triton.knobs.runtime.interpret = interpreted
    try:
        return triton.jit(function, do_not_specialize=numbers_of(function))
    finally:
        triton.knobs.runtime.interpret = interpret


def numbers_of(function: Any) -> list[str]:
    """Return the names of a kernel's arguments that are whole numbers."""
    parameters = inspect.signature(function).parameters.values()
    return [each.name for each in parameters if each.annotation is each.empty and each.name not in _POINTERS]
