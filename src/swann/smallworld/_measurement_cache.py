import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

import numpy as np

from .._errors import FileFormatError, OutputError
from .._files import write_text
from ..graph import LayerGraph
from ._measurement import Measurement

_VERSION = 1
"""Raised whenever a change alters what a rewiring with a given seed gives, so that old entries are not used."""


class MeasurementCache:
    """Measurements of rewired graphs on disk, found by what was measured.

    An entry that is damaged counts as missing, and where nothing can be written nothing is kept.

    Args:
        directory: where the entries are; made when the first one is written.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    @classmethod
    def default(cls) -> "MeasurementCache":
        """Return the cache in `SWANN_CACHE_DIR`, or else in the user's own cache directory."""
        chosen = os.environ.get("SWANN_CACHE_DIR")
        if chosen:
            return cls(chosen)
        return cls(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "swann")

    def key(self, graph: LayerGraph, *, p: float, seed: int, draw: str, repair: bool, granularity: int = 1) -> str:
        """Return the name of the entry for a graph rewired in a certain way."""
        settings = [_VERSION, _fingerprint(graph), p, seed, draw, repair]
        if granularity != 1:
            settings.append(int(granularity))
        return hashlib.sha256(json.dumps(settings).encode()).hexdigest()

    def get(self, key: str) -> Measurement | None:
        """Return a measurement, or None where there is no sound entry."""
        try:
            text = (self.directory / f"{key}.json").read_text(encoding="utf-8")
            digest, _, body = text.partition("\n")
            return Measurement.from_json(body) if digest == _digest(key, body) else None
        except (OSError, UnicodeDecodeError, FileFormatError):
            return None

    def put(self, key: str, measurement: Measurement) -> None:
        """Keep a measurement."""
        body = measurement.to_json()
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            write_text(self.directory / f"{key}.json", f"{_digest(key, body)}\n{body}")
        except (OSError, OutputError):
            return


def _digest(key: str, body: str) -> str:
    return hashlib.sha256(f"{key}\n{body}".encode()).hexdigest()


@lru_cache(maxsize=4)
def _fingerprint(graph: LayerGraph) -> str:
    digest = hashlib.sha256(json.dumps([int(size) for size in graph.sizes]).encode())
    for row in graph.rows:
        digest.update(np.packbits(row).tobytes())
    return digest.hexdigest()
