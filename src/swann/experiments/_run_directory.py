import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from .._errors import OutputError
from .._files import MARKER, write_text
from ._environment import environment

_RESULTS = (
    *("history-*.json", "checkpoint-*.ckpt", "search*.*", "densities*.png", "edges*.png"),
    *("weights.pt", "network.safetensors"),
)
"""Files that not every run with the same command writes, so that those of an earlier one would stay among the new."""


class RunDirectory:
    """A directory that holds the results of one command; made when the first result is to be written.

    Results that it holds already are replaced only if `overwrite` says so. As a context it is removed again if an error
    comes before there is a result.

    Args:
        path: the directory.
        settings: what decides the results, as JSON values; a run can only be resumed with the same. Its `"command"`
            is what the directory is for: another command does not write there.
        resume: go on with the run in the directory.
        overwrite: remove the results in the directory and start anew; files that are not ours stay.
        resumable: whether the command has a `--resume`, which is then named where there are results.
        may_grow: the last part of the name of settings that may be larger than those of the run that is resumed.

    Raises:
        OutputError: the directory cannot be made or written to, holds something that is not ours or of another
            command, or holds results and neither `resume` nor `overwrite` is given; or there is nothing to resume, or
            a run with other settings.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        settings: Mapping[str, Any],
        *,
        resume: bool = False,
        overwrite: bool = False,
        resumable: bool = False,
        may_grow: str = "",
    ) -> None:
        self.path = Path(path)
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))
        self._resume, self._overwrite = resume, overwrite
        self._may_grow = may_grow
        self._made: list[Path] | None = None
        try:
            self._check(resumable)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"cannot use {self.path} for the results: {error.strerror or error}") from error

    def make(self) -> Path:
        """Make the directory with its marker, unless that is done, and return its path."""
        if self._made is not None:
            return self.path
        self._made = [folder for folder in (self.path, *self.path.parents) if not folder.exists()]
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if self._overwrite:
                for file in self._results_before():
                    file.unlink()
            if not self._resume:
                self._write_marker(environment())
            elif self._settings_before() != self._settings:  # they have grown
                self._write_marker(json.loads((self.path / MARKER).read_text(encoding="utf-8")))
        except OSError as error:
            self._remove_if_empty()
            if isinstance(error, OutputError):
                raise
            raise OutputError(f"cannot make the directory {self.path}: {error.strerror or error}") from error
        return self.path

    def __truediv__(self, name: str) -> Path:
        return self.make() / name

    def __enter__(self) -> "RunDirectory":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._remove_if_empty()

    def _write_marker(self, made_in: Mapping[str, Any]) -> None:
        marker = {**made_in, "settings": self._settings}
        write_text(self.path / MARKER, json.dumps(marker, indent=2) + "\n")

    def _remove_if_empty(self) -> None:
        """Remove the folders that `make` made, if they hold nothing but the marker."""
        if self._made and self.path.is_dir() and {entry.name for entry in self.path.iterdir()} <= {MARKER}:
            (self.path / MARKER).unlink(missing_ok=True)
            for folder in self._made:
                if any(folder.iterdir()):
                    break
                folder.rmdir()
            self._made = None

    def _results_before(self) -> Iterator[Path]:
        for pattern in _RESULTS:
            yield from self.path.glob(pattern)

    def _check(self, resumable: bool) -> None:
        if self._resume and self._overwrite:
            raise OutputError("--resume goes on with a run, --overwrite replaces it; give one of them")
        ours = (self.path / MARKER).is_file()
        if ours:
            self._check_command()
        elif self.path.exists():
            self._refuse_foreign()
        if self._resume:
            self._check_resumable(ours)
        elif ours and not self._overwrite and {entry.name for entry in self.path.iterdir()} != {MARKER}:
            raise OutputError(
                f"{self.path} holds a run already: go on with --resume, or replace it with --overwrite"
                if resumable
                else f"{self.path} holds results already: replace them with --overwrite, or name another directory"
            )
        nearest = next(folder for folder in (self.path, *self.path.absolute().parents) if folder.exists())
        if not nearest.is_dir():
            raise OutputError(f"cannot make the directory {self.path}: {nearest} is a file")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise OutputError(f"cannot write to {nearest}: no permission; name another directory for the results")

    def _refuse_foreign(self) -> None:
        if not self.path.is_dir():
            raise OutputError(f"{self.path} is a file; name a directory for the results")
        found = sorted(entry.name for entry in self.path.iterdir())
        if found:
            raise OutputError(
                f"{self.path} exists and was not made by swann (it holds {found[0]}, but no {MARKER}); "
                "name another directory or an empty one"
            )

    def _check_command(self) -> None:
        before, now = (settings.get("command") for settings in (self._settings_before() or {}, self._settings))
        if before is not None and now is not None and before != now:
            raise OutputError(f"{self.path} holds results of 'swann {before}'; name another directory")

    def _check_resumable(self, ours: bool) -> None:
        if not ours:
            raise OutputError(f"nothing to resume: {self.path} holds no run; start without --resume")
        settings = self._settings_before()
        if settings is None:
            raise OutputError(f"cannot resume: {self.path / MARKER} is damaged; start anew with --overwrite")
        before, now = dict(_flattened(settings)), dict(_flattened(self._settings))
        for name in [*now, *before]:
            if before.get(name) != now.get(name) and not self._has_grown(name, before.get(name), now.get(name)):
                raise OutputError(
                    f"cannot resume {self.path}: it was run with {name} = {before.get(name)!r}, "
                    f"now it is {now.get(name)!r}; use the same settings, or start anew with --overwrite"
                )

    def _has_grown(self, name: str, before: Any, now: Any) -> bool:
        whole = isinstance(before, int) and isinstance(now, int)
        return whole and name.rpartition(".")[2] == self._may_grow and now >= before

    def _settings_before(self) -> dict[str, Any] | None:
        """Return the settings in the marker; None if it is damaged."""
        try:
            settings = json.loads((self.path / MARKER).read_text(encoding="utf-8"))["settings"]
        except (ValueError, KeyError, TypeError):
            return None
        return settings if isinstance(settings, dict) else None


def _flattened(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
