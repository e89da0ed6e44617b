import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._errors import OutputError
from .._files import write_text
from ._environment import environment

MARKER = "swann-run.json"
"""The file by which a directory is known to be ours; it says what was run, with what."""

_OF_RUNS = ("history-*.json", "checkpoint-*.ckpt")


class RunDirectory:
    """A directory that holds the results of one command.

    Args:
        path: the directory; made if it is not there.
        settings: what decides the results, as JSON values; a run can only be resumed with the same.
        resume: go on with the run in the directory.
        overwrite: remove the runs in the directory and start anew; files that are not ours stay.
        keep_runs: whether runs in the directory must not be replaced unless `overwrite` says so.

    Raises:
        OutputError: the directory cannot be made, holds something that is not ours, or holds a run and neither
            `resume` nor `overwrite` is given; or there is nothing to resume, or a run with other settings.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
        keep_runs: bool = False,
    ) -> None:
        self.path = Path(path)
        settings = json.loads(json.dumps(settings))
        ours = (self.path / MARKER).is_file()
        if self.path.exists() and not ours:
            self._refuse_foreign()
        if resume:
            self._check_resumable(ours, settings)
        elif ours and overwrite:
            for pattern in _OF_RUNS:
                for file in self.path.glob(pattern):
                    file.unlink()
        elif keep_runs and ours and any(any(self.path.glob(pattern)) for pattern in _OF_RUNS):
            raise OutputError(f"{self.path} holds a run already: go on with --resume, or replace it with --overwrite")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"cannot make the directory {self.path}: {error.strerror}") from error
        if not resume:
            write_text(self / MARKER, json.dumps({"settings": settings, **environment()}, indent=2) + "\n")

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    def _refuse_foreign(self) -> None:
        if not self.path.is_dir():
            raise OutputError(f"{self.path} is a file; name a directory for the results")
        try:
            found = sorted(entry.name for entry in self.path.iterdir())
        except OSError as error:
            raise OutputError(f"cannot look into {self.path}: {error.strerror}") from error
        if found:
            raise OutputError(
                f"{self.path} exists and was not made by swann (it holds {found[0]}, but no {MARKER}); "
                "name another directory or an empty one"
            )

    def _check_resumable(self, ours: bool, settings: Any) -> None:
        if not ours:
            raise OutputError(f"nothing to resume: {self.path} holds no run; start without --resume")
        try:
            before = json.loads((self / MARKER).read_text(encoding="utf-8"))["settings"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"cannot resume: {self / MARKER} is damaged; start anew with --overwrite") from error
        for name in sorted(before.keys() | settings.keys()):
            if before.get(name) != settings.get(name):
                raise OutputError(
                    f"cannot resume {self.path}: it was run with {name} = {before.get(name)!r}, "
                    f"now it is {settings.get(name)!r}; use the same settings, or start anew with --overwrite"
                )
