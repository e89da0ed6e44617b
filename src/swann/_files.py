"""Writing files so that a reader never sees half of one."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from ._errors import OutputError

MARKER = "swann-run.json"
"""The file by which a directory is known to hold results of a command; it says what was run, with what."""

_FAILED_WRITE = ("inline_container", "PytorchStreamWriter", "iostream error", "I/O error")
"""In the messages by which torch and safetensors say that a write failed; their errors are no OSError."""


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it to `path` when the block ends well.

    If the block raises, the temporary file is removed and a file that was at `path` stays as it was.

    Raises:
        OutputError: the folder is missing or cannot be written to, or the disk is full.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))  # less what the umask takes
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    mode = temporary.stat().st_mode & 0o777
    try:
        yield temporary
        temporary.chmod(mode)  # some libraries make a file of their own there, for its owner alone
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    except Exception as error:
        if any(sign in str(error) for sign in _FAILED_WRITE):
            raise OutputError(f"cannot write {path}: not all of it could be written; is the disk full?") from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def cache_folder(name: str) -> Path | None:
    """Return a folder for what can be made again: in `SWANN_CACHE_DIR`, or else in the user's own cache directory.

    Returns:
        The folder, made if need be; None where it cannot be written to.
    """
    chosen = os.environ.get("SWANN_CACHE_DIR")
    try:
        root = Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swann"
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK) else None
