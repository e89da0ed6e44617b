"""Which form of a layer was the fastest on this GPU, kept beside the calibration of the CPU."""

from __future__ import annotations

import contextlib
import hashlib
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch

from ..._errors import OutputError
from ..._files import cache_folder, write_text

if TYPE_CHECKING:
    from ._inflow import Form

_found: dict[Path | None, dict[str, Form]] = {}


def kept_form(device: torch.device, case: tuple[Any, ...]) -> Form | None:
    """Return the form that was the fastest in a case; None where it was not measured.

    Args:
        device: a GPU.
        case: all that the speed depends on.
    """
    path = forms_path(_about(device))
    if path not in _found:
        _found[path] = _read(path)
    return _found[path].get(_key(case))


def keep_form(device: torch.device, case: tuple[Any, ...], form: Form) -> None:
    """Keep the form that was the fastest in a case, in a file if it can be written."""
    path = forms_path(_about(device))
    found = _found.get(path, {}) | _read(path) | {_key(case): form}
    _found[path] = found
    if path is not None:
        with contextlib.suppress(OutputError):
            write_text(path, json.dumps(found, indent=0, sort_keys=True) + "\n")


def forms_path(about: tuple[str, ...]) -> Path | None:
    """Return the file for the forms of a GPU; None where nothing can be kept.

    Args:
        about: the GPU, and the versions of what computes.
    """
    folder = cache_folder("calibration")
    if folder is None:
        return None
    return folder / f"forms-{hashlib.sha256(chr(10).join(about).encode()).hexdigest()[:16]}.json"


@cache
def _about(device: torch.device) -> tuple[str, ...]:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    try:
        triton = version("triton")
    except PackageNotFoundError:
        triton = "none"
    return name, torch.__version__, str(torch.version.cuda), triton, version("swann")


def _key(case: tuple[Any, ...]) -> str:
    return hashlib.sha256(repr(case).encode()).hexdigest()[:16]


def _read(path: Path | None) -> dict[str, Form]:
    """Return what is in a file; nothing where there is none or it is damaged."""
    from ._inflow import Form

    if path is None or not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    known = get_args(Form)
    return {key: form for key, form in found.items() if form in known} if isinstance(found, dict) else {}
