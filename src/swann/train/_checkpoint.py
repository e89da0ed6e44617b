"""The file from which an interrupted training run goes on."""

import contextlib
import json
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from .._errors import FileFormatError
from .._files import replacing
from ..data import ImageData
from ._config import TrainingConfig

if TYPE_CHECKING:
    from lightning.fabric import Fabric

_FORMAT = "swann training checkpoint"
_VERSION = 1
_PLACEMENT = ("accelerator", "devices", "nodes", "strategy", "checkpoint_every")
"""Settings that may differ on resumption: they say where a run is computed, not what."""


def write_checkpoint(fabric: "Fabric", path: Path, contents: dict[str, Any]) -> None:
    """Write `contents` to `path`, whole or not at all; called on every process, the first one writes.

    Raises:
        OutputError: the file cannot be written.
    """
    first = fabric.is_global_zero
    with replacing(path) if first else contextlib.nullcontext(path) as temporary:
        fabric.save(temporary, {"format": _FORMAT, "version": _VERSION, **contents})


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what `write_checkpoint` wrote; no code in the file is run.

    Raises:
        FileFormatError: the file is truncated, damaged, not ours or of another version.
    """
    advice = "start anew without resume"
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
        if damaged is not None:
            raise FileFormatError(f"{path}: damaged: the checksum of {damaged} is wrong; {advice}")
        contents = torch.load(path, map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, EOFError) as error:
        raise FileFormatError(f"{path}: truncated or not a training checkpoint ({error}); {advice}") from error
    except (RuntimeError, pickle.UnpicklingError, KeyError, ValueError) as error:
        if isinstance(error, FileFormatError):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileFormatError(f"{path}: not a training checkpoint ({reason}); {advice}") from error
    if not isinstance(contents, dict) or contents.get("format") != _FORMAT:
        raise FileFormatError(f"{path}: not a training checkpoint of swann; {advice}")
    if contents.get("version") != _VERSION:
        raise FileFormatError(
            f"{path}: checkpoint version {contents.get('version')!r}, this program reads version {_VERSION}; {advice}"
        )
    return contents


def identity(config: TrainingConfig, model: nn.Module, data: ImageData) -> str:
    """Return what must be the same for a run to go on, as JSON: settings, the model's layout and links, the data.

    Tensors of true and false never change in training (masks of links), so their values count as well.
    """
    settings = {name: value for name, value in config.to_dict().items() if name not in _PLACEMENT}
    layout = {}
    for name, tensor in model.state_dict().items():
        layout[name] = f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
        if tensor.dtype == torch.bool:
            layout[name] += f" with content {_checksum(tensor)}"
    images = {
        part: f"{list(pictures.shape)}{' in files' if data.streamed else ''} with labels {_checksum(labels)}"
        for part, pictures, labels in (
            ("training images", data.train_images, data.train_labels),
            ("test images", data.test_images, data.test_labels),
        )
    }
    return json.dumps({"setting": settings, "model": layout, "data": images})


def check_identity(path: Path, saved: str, here: str) -> None:
    """Compare two results of `identity`.

    Raises:
        FileFormatError: they differ; the message names the first difference.
    """
    before, now = json.loads(saved), json.loads(here)
    for part in now:
        for name in [*now[part], *before[part]]:
            old, new = before[part].get(name, "missing"), now[part].get(name, "missing")
            if old != new:
                raise FileFormatError(
                    f"{path}: checkpoint of another run: {part} {name!r} is {old} in the checkpoint and {new} here; "
                    f"resume with what the run began with, or start anew"
                )


def _checksum(tensor: torch.Tensor) -> str:
    return f"{zlib.crc32(tensor.cpu().contiguous().numpy().tobytes()):08x}"
