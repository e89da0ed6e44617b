"""MNIST in its idx files, read by torchvision."""

import math
import pickle
from pathlib import Path

from .._errors import DataError, require_extra
from ._image_data import ImageData
from ._places import download_failed, missing, one_line

_UNSIGNED_BYTE = 8
_PARTS = ("train", "t10k")
_DIMENSIONS = {"images-idx3-ubyte": 3, "labels-idx1-ubyte": 1}


def load_mnist(data_dir: Path, download: bool) -> ImageData:
    """Load MNIST from `data_dir`/MNIST/raw.

    Args:
        data_dir: the folder that holds `MNIST`.
        download: fetch the files if they are not there.

    Raises:
        MissingDataError: a file is missing, or could not be downloaded.
        DataError: a file is truncated or is not in the idx format.
        MissingExtraError: torchvision is not installed.
    """
    dataset_class = require_extra("torchvision.datasets", "vision").MNIST
    folder = data_dir / "MNIST" / "raw"
    paths = {(part, kind): folder / f"{part}-{kind}" for part in _PARTS for kind in _DIMENSIONS}
    if download and not all(path.is_file() for path in paths.values()):
        try:
            dataset_class(data_dir, download=True)
        except (OSError, RuntimeError) as error:
            raise download_failed("mnist", folder, error) from error
    for (_, kind), path in paths.items():
        if not path.is_file():
            raise missing("mnist", [path])
        _check_idx(path, _DIMENSIONS[kind])
    try:
        train, test = dataset_class(data_dir, train=True), dataset_class(data_dir, train=False)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise DataError(f"cannot read MNIST in {folder.parent}: {one_line(error)}") from error
    return ImageData.from_tensors(
        "mnist",
        tuple(str(digit) for digit in range(10)),
        train.data.unsqueeze(1),
        train.targets,
        test.data.unsqueeze(1),
        test.targets,
        source=str(folder),
    )


def _check_idx(path: Path, dimensions: int) -> None:
    """Compare what the header of an idx file announces with the size of the file.

    The header is two zero bytes, the type of the values, the number of dimensions, and each dimension's size as
    a big-endian number of four bytes.
    """
    header_size = 4 + 4 * dimensions
    with path.open("rb") as file:
        header = file.read(header_size)
    if len(header) < header_size or header[:4] != bytes([0, 0, _UNSIGNED_BYTE, dimensions]):
        raise DataError(
            f"{path}: not an idx file of bytes with {dimensions} dimension(s): expected a header of {header_size} "
            f"bytes that starts with 0000080{dimensions}, found {header[:4].hex() or 'nothing'}; "
            f"remove the file and fetch it again"
        )
    sizes = [int.from_bytes(header[start : start + 4], "big") for start in range(4, header_size, 4)]
    expected, found = header_size + math.prod(sizes), path.stat().st_size
    if found != expected:
        raise DataError(
            f"{path}: damaged: its header announces {expected:,} bytes, found {found:,}; "
            f"remove the file and fetch it again"
        )
