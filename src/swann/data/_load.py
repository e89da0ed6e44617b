"""Datasets by name."""

import os
from pathlib import Path

from .._errors import DataError, InvalidValueError, UnknownNameError, near_matches
from ._cifar import load_cifar
from ._digits import load_digits
from ._folder import load_folder
from ._image_data import ImageData
from ._mnist import load_mnist
from ._places import find_data_dir
from ._size import check_decoded_size, resize
from ._streamed_images import decoded

NAMES = ("digits", "mnist", "cifar10", "cifar100", "folder:PATH")
"""What `load` knows."""

_FOLDER = "folder:"


def load(
    name: str,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    download: bool = False,
    image_size: int | None = None,
    memory_limit: int = 8 * 2**30,
    skip_corrupt: bool = False,
    stream: bool | None = None,
) -> ImageData:
    """Load a dataset, whole into memory where it fits.

    `digits` comes with scikit-learn. `mnist`, `cifar10` and `cifar100` are read from `data_dir` by torchvision;
    `folder:PATH` from PATH/train/<class> and PATH/test/<class> (or PATH/val/<class>).

    Args:
        name: one of `NAMES`.
        data_dir: the folder that holds the datasets; if None, what the environment variable SWANN_DATA_DIR says.
        download: fetch the dataset into `data_dir` if it is not there; nothing is fetched otherwise.
        image_size: pixels; the shorter edge is resized to it and the centre cut out. None keeps the size.
        memory_limit: bytes that the decoded images may take, 8 GiB if not given.
        skip_corrupt: leave images of a folder out that cannot be read (`ImageData.skipped` says which); else the
            first one is an error.
        stream: leave the images of a folder in their files and decode them when they are needed; None does so where
            they would take more than `memory_limit` and `image_size` is given.

    Raises:
        UnknownNameError: no such name.
        MissingDataError: the dataset was not found; the message says where it was looked for and how to get it.
        DataError: a file is damaged or cannot be read.
        InvalidValueError: `image_size` is not positive, or the images would take too much memory.
        MissingExtraError: torchvision or scikit-learn is not installed.

    >>> print(load("digits"))
    digits: 1,437 training and 360 test images of 1×8×8, 10 classes
    """
    if image_size is not None and image_size < 1:
        raise InvalidValueError(f"image_size: expected at least 1 pixel, found {image_size}")
    try:
        return _load(name, data_dir, download, image_size, memory_limit, skip_corrupt, stream)
    except PermissionError as error:
        raise DataError(f"dataset {name!r}: cannot read {error.filename}: {error.strerror}") from error


def _load(
    name: str,
    data_dir: str | os.PathLike[str] | None,
    download: bool,
    image_size: int | None,
    memory_limit: int,
    skip_corrupt: bool,
    stream: bool | None,
) -> ImageData:
    if name.startswith(_FOLDER):
        folder = Path(name.removeprefix(_FOLDER)).expanduser()
        return load_folder(folder, image_size, memory_limit, name, skip_corrupt=skip_corrupt, stream=stream)
    if stream:
        raise InvalidValueError(f"{name}: it is held in memory; only the images of a folder (folder:PATH) are streamed")
    if name == "digits":
        data = load_digits()
    elif name == "mnist":
        data = load_mnist(find_data_dir(name, data_dir), download)
    elif name in ("cifar10", "cifar100"):
        data = load_cifar(name, find_data_dir(name, data_dir), download, memory_limit)
    else:
        hint = f"for a folder of images write {_FOLDER}{name}; " if Path(name).is_dir() else ""
        raise UnknownNameError(f"unknown dataset {name!r}: {hint}{near_matches(name.lower(), NAMES)}")
    return data if image_size is None else _resized(data, image_size, memory_limit)


def _resized(data: ImageData, image_size: int, memory_limit: int) -> ImageData:
    count = len(data.train_images) + len(data.test_images)
    check_decoded_size(data.name, count, (data.input_shape[0], image_size, image_size), memory_limit)
    return ImageData.from_tensors(
        data.name,
        data.classes,
        resize(decoded(data.train_images), image_size),
        data.train_labels,
        resize(decoded(data.test_images), image_size),
        data.test_labels,
        data.source,
    )
