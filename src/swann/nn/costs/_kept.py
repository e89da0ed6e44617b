import contextlib
import hashlib
import json
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch

from ..._errors import FileFormatError, OutputError
from ..._files import cache_folder, write_text
from ..kernels import processor
from ._costs import Costs, LinkCosts

TYPICAL = Costs(
    inference=LinkCosts(
        sparse=(5e-6, 2.5e-10, 2.2e-10, 3.6e-10, 9e-10, 1.4e-10),
        convolution=(5e-5, 1.5e-11, 4e-10, 1.2e-9, 1e-10, 1.7e-9),
        linear=(3e-5, 2e-11, 5e-11, 2e-10, 2.5e-10, 1.7e-9),
        moved=1e-9,
    ),
    training=LinkCosts(
        sparse=(3e-6, 2e-9, 1.5e-10, 1.6e-9, 4e-10, 0.0),
        convolution=(11e-5, 5e-11, 2e-9, 2.5e-9, 1e-10, 2e-9),
        linear=(8e-5, 7e-11, 3e-10, 3e-10, 3e-10, 4e-9),
        moved=2e-9,
    ),
    threads=1,
)
"""Rounded figures of one core of a processor with AVX-512."""


_MEANING = "2"
"""What the numbers of a file stand for, and how they were measured; another one with each change of that."""


@cache
def costs_here(threads: int) -> Costs:
    """Return what `calibrate` measured on this machine with so many threads, or else estimates from typical figures."""
    return _read(threads) or TYPICAL.on(threads)


def costs_path(threads: int) -> Path | None:
    """Return the file for the costs of this processor with this PyTorch; None where nothing can be kept."""
    folder = cache_folder("calibration")
    if folder is None:
        return None
    about = (_MEANING, processor(), str(threads), torch.__version__, version("swann"))
    return folder / f"{hashlib.sha256(chr(10).join(about).encode()).hexdigest()[:16]}.json"


def keep(costs: Costs) -> None:
    """Keep costs for their number of threads in their file, if it can be written."""
    path = costs_path(costs.threads)
    if path is not None:
        with contextlib.suppress(OutputError):
            write_text(path, json.dumps(costs.to_json(), indent=2) + "\n")
    costs_here.cache_clear()


def _read(threads: int) -> Costs | None:
    """Return the costs that were kept for so many threads; None where there are none or the file is damaged."""
    path = costs_path(threads)
    if path is None or not path.is_file():
        return None
    try:
        costs = Costs.from_json(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, FileFormatError):
        return None
    return costs if costs.threads == threads else None
