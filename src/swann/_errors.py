"""The one family of errors of the package: each names what was wrong, where, and what to do."""

import difflib
import importlib
import re
from collections.abc import Iterable
from types import ModuleType


class SwannError(Exception):
    """Base of every error that `swann` raises on purpose."""


class InvalidValueError(SwannError, ValueError):
    """An argument has a value that cannot be used."""


class TraceError(SwannError, ValueError):
    """A model cannot be turned into a chain of layers."""


class UnknownNameError(SwannError, LookupError):
    """A model, dataset or option is not known under the given name."""


class DataError(SwannError, ValueError):
    """A dataset's file is corrupt or does not hold what it should."""


class MissingDataError(SwannError, FileNotFoundError):
    """A dataset was not found where it was looked for."""


class FileFormatError(SwannError, ValueError):
    """A saved network or plan is truncated, tampered with, or not ours."""


class OutputError(SwannError, OSError):
    """A result could not be written, or the place for it is not ours to write to."""


class MissingExtraError(SwannError, ImportError):
    """An optional part of the package is not installed."""


class LeftOutWarning(UserWarning):
    """A network is converted without the shortcuts that it has."""


_MOST_NAMES = 16
"""Of more known names only some are listed."""


def near_matches(name: str, known: Iterable[str]) -> str:
    """Return the names nearest to `name`, then all that are known, as the end of an error message.

    Of more than 16 names only the first 8 are listed.

    Names that hold commas or spaces are quoted.

    >>> near_matches("mnsit", ["digits", "mnist"])
    "did you mean 'mnist'? Known: digits, mnist"
    """
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=2, cutoff=0.5)
    question = f"did you mean {' or '.join(repr(match) for match in close)}? " if close else ""
    shown = [repr(each) if re.search(r"[,\s]", each) else each for each in known]
    if len(shown) > _MOST_NAMES:
        half = shown[: _MOST_NAMES // 2]
        return f"{question}Known: {', '.join(half)} and {len(shown) - len(half)} more"
    return f"{question}Known: {', '.join(shown)}"


def require_extra(module: str, extra: str) -> ModuleType:
    """Import `module`, which the optional dependencies `extra` install.

    Raises:
        MissingExtraError: the module is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or module.split(".")[0] != error.name.split(".")[0]:
            raise
        raise MissingExtraError(
            f"{error.name} is not installed: this part of swann needs the extra '{extra}'; "
            f"install it with: pip install 'swann[{extra}]'"
        ) from error
