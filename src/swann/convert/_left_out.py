"""Saying what of a network its small-world twin does without."""

import warnings
from collections.abc import Sequence

from .._errors import LeftOutWarning
from ..trace import Chain

_NAMED = 3


def warn_of_shortcuts(parts: Sequence[Chain], model: str, stacklevel: int = 1) -> None:
    """Warn with a `LeftOutWarning` if shortcuts were left out of a network.

    Args:
        parts: its chains, as `swann.trace_parts` returns them.
        model: its name.
        stacklevel: 1 for the caller's line, 2 for that of its caller, …
    """
    shortcuts = [name for part in parts for name in part.shortcuts]
    if not shortcuts:
        return
    number = "shortcut is" if len(shortcuts) == 1 else f"{len(shortcuts)} shortcuts are"
    text = f"{model}: its {number} left out, as in the paper ({_some(shortcuts)})"
    removed = [name for part in parts for name in part.removed]
    if removed:
        weights = sum(part.removed_weights for part in parts)
        text += f", and with them {_some(removed)}" + (f" of {weights:,} weights in all" if weights else "")
    text += "; the twin is that of the chain that remains"
    warnings.warn(text, LeftOutWarning, stacklevel=stacklevel + 1)


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:_NAMED], *["…"] * (len(names) > _NAMED)])
