"""The file from which a server that was stopped or killed goes on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from .._errors import FileFormatError
from .._files import replacing
from ._history import FederatedHistory
from ._state import Counters, Weights

_FORMAT = "swann federated checkpoint 1"


@dataclass(frozen=True)
class Saved:
    """The state of a run between two rounds.

    Args:
        weights: of the network.
        counters: of the network.
        strategy: what Flower's strategy carries along.
        informed: clients that have the architecture.
        history: of the rounds that were done.
    """

    weights: Weights
    counters: Counters
    strategy: dict[str, NDArray[Any]]
    informed: tuple[int, ...]
    history: FederatedHistory


def write_checkpoint(path: Path, saved: Saved, settings: Mapping[str, Any]) -> None:
    """Write a state, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    arrays = {f"weights/{name}": array for name, array in saved.weights.items()}
    arrays |= {f"strategy/{name}": array for name, array in saved.strategy.items()}
    metadata = {
        "format": _FORMAT,
        "settings": json.dumps(settings, sort_keys=True),
        "counters": json.dumps(saved.counters),
        "informed": json.dumps(saved.informed),
        "history": saved.history.to_json(),
    }
    with replacing(path) as temporary:
        safetensors.numpy.save_file(arrays, temporary, metadata)


def read_checkpoint(path: Path, settings: Mapping[str, Any]) -> Saved:
    """Return the state in a file; nothing in it is run as code.

    The number of rounds may differ: no round depends on how many follow.

    Raises:
        FileFormatError: the file is damaged, not ours, or of a run with other settings, which are named.
    """
    try:
        with safetensors.safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (safetensors.SafetensorError, OSError) as error:
        raise FileFormatError(f"{path} is truncated or not a checkpoint: {error}") from error
    if metadata.get("format") != _FORMAT:
        raise FileFormatError(f"{path} is no checkpoint of a federated run")
    try:
        ours, theirs = json.loads(json.dumps(settings)), json.loads(metadata["settings"])
        if different := _different(theirs, ours):
            raise FileFormatError(f"{path} is of a run with other settings: {different}")
        return Saved(
            weights=_part(arrays, "weights/"),
            counters=json.loads(metadata["counters"]),
            strategy=_part(arrays, "strategy/"),
            informed=tuple(json.loads(metadata["informed"])),
            history=FederatedHistory.from_json(metadata["history"]),
        )
    except (KeyError, json.JSONDecodeError) as error:
        raise FileFormatError(f"{path}: not a complete checkpoint ({error!r}); start anew without resume") from error


def _part(arrays: Mapping[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


_FREE = "config.rounds"


def _different(theirs: Any, ours: Any, where: str = "") -> str:
    """Return the first setting that differs, with both values; an empty text without one."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted(theirs.keys() | ours.keys()):
            if found := _different(theirs.get(key), ours.get(key), f"{where}.{key}" if where else key):
                return found
        return ""
    return "" if theirs == ours or where == _FREE else f"{where} is {theirs!r} there, {ours!r} here"
