"""Images in folders, one a class, as torchvision's `ImageFolder` reads them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._errors import DataError, InvalidValueError, MissingDataError, require_extra
from ._image_data import ImageData
from ._image_file import centre_cut, open_image
from ._places import one_line
from ._size import check_decoded_size, decoded_size
from ._streamed_images import StreamedImages

_TEST_FOLDERS = ("test", "val")
_RUN = 64
"""Images that a thread decodes before it takes more."""

_SMALL = 64
"""Pixels of the shorter edge under which one thread is faster: Python's lock is then held most of the time."""


def load_folder(
    folder: Path,
    image_size: int | None,
    memory_limit: int,
    name: str,
    *,
    skip_corrupt: bool = False,
    stream: bool | None = False,
) -> ImageData:
    """Load the images of `folder`/train/<class> and of `folder`/test/<class> (or val/<class>) as RGB.

    Args:
        folder: holds `train` and `test` or `val`; `test` is taken if both are there.
        image_size: pixels; the shorter edge is resized to it and the centre cut out. If None, all images must
            have the same size already.
        memory_limit: bytes that the decoded images may take.
        name: of the dataset.
        skip_corrupt: leave images out that cannot be read; each is decoded once to find out.
        stream: leave the images in their files and decode them when they are needed; None does so where they would
            take more than `memory_limit`.

    Raises:
        MissingDataError: `folder`, its `train`, or both `test` and `val` are missing.
        DataError: the classes of the two parts differ, a class is empty, or an image cannot be read.
        InvalidValueError: no `image_size` is given and the images differ in size or are streamed, or they take too
            much memory.
        MissingExtraError: torchvision is not installed.
    """
    datasets = require_extra("torchvision.datasets", "vision")
    train = _list_images(datasets, _find_part(folder, ("train",)))
    test = _list_images(datasets, _find_part(folder, _TEST_FOLDERS))
    _check_classes(folder, train, test)
    skipped: list[str] = []
    if skip_corrupt:
        skipped = [reason for part in (train, test) for reason in _leave_out_corrupt(part)]
    if stream and image_size is None:
        raise InvalidValueError(f"{name}: images that are read from disk need an image_size (--image-size)")
    width, height = open_image(train.samples[0][0]).size
    threads = 1 if min(width, height) < _SMALL else None
    if image_size is not None:
        width = height = image_size
    count = len(train.samples) + len(test.samples)
    too_many = stream is None and decoded_size(count, (3, height, width)) > memory_limit
    if image_size is not None and (stream or too_many):
        return ImageData.from_tensors(
            name,
            tuple(train.classes),
            StreamedImages([path for path, _ in train.samples], image_size),
            torch.tensor(train.targets, dtype=torch.int64),
            StreamedImages([path for path, _ in test.samples], image_size),
            torch.tensor(test.targets, dtype=torch.int64),
            source=str(folder),
            skipped=tuple(skipped),
        )
    check_decoded_size(name, count, (3, height, width), memory_limit)
    return ImageData.from_tensors(
        name,
        tuple(train.classes),
        _decode(train, image_size, (height, width), threads),
        torch.tensor(train.targets, dtype=torch.int64),
        _decode(test, image_size, (height, width), threads),
        torch.tensor(test.targets, dtype=torch.int64),
        source=str(folder),
        skipped=tuple(skipped),
    )


def _find_part(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_dir():
            return folder / name
    expected = " or ".join(f"{name}/" for name in names)
    found = "which does not exist"
    if folder.is_dir():
        inside = sorted(path.name for path in folder.iterdir())
        found = f"which holds {', '.join(inside[:5]) or 'nothing'}{', ...' if len(inside) > 5 else ''}"
    raise MissingDataError(
        f"no folder {expected} in {folder}, {found}; "
        f"expected train/<class>/ and test/<class>/ (or val/<class>/) with images in them"
    )


def _list_images(datasets: ModuleType, part: Path) -> Any:
    try:
        return datasets.ImageFolder(part)
    except FileNotFoundError as error:
        raise DataError(f"{part}: {one_line(error)}; expected <class>/ folders with images in them") from error


def _leave_out_corrupt(part: Any) -> list[str]:
    """Take the images out of a part that cannot be read; return the reasons.

    Raises:
        DataError: a class has none left.
    """

    def reason(path: str) -> str | None:
        try:
            open_image(path)
        except DataError as error:
            return str(error)
        return None

    with ThreadPoolExecutor() as pool:
        reasons = list(pool.map(reason, (path for path, _ in part.samples)))
    readable = [sample for sample, why in zip(part.samples, reasons, strict=True) if why is None]
    for label, name in enumerate(part.classes):
        if not any(found == label for _, found in readable):
            raise DataError(f"{part.root}/{name}: none of its images can be read")
    part.samples, part.targets = readable, [label for _, label in readable]
    return [why for why in reasons if why is not None]


def _check_classes(folder: Path, train: Any, test: Any) -> None:
    for part, other in ((train, test), (test, train)):
        only = sorted(set(part.classes) - set(other.classes))
        if only:
            raise DataError(
                f"{folder}: class {only[0]!r} is in {Path(part.root).name}/ but not in {Path(other.root).name}/ "
                f"({len(only)} of {len(part.classes)} classes); both need the same class folders"
            )


def _decode(part: Any, image_size: int | None, size: tuple[int, int], threads: int | None) -> Tensor:
    """Decode every image into one tensor; `threads` at a time, or as many as suit the machine."""
    images = np.empty((len(part.samples), 3, *size), dtype=np.uint8)

    def decode(index: int) -> None:
        path = part.samples[index][0]
        image = open_image(path)
        if image_size is not None:
            image = centre_cut(image, image_size)
        elif image.size != (size[1], size[0]):
            raise InvalidValueError(
                f"{path}: the image has {image.size[0]}×{image.size[1]} pixels, others {size[1]}×{size[0]}; "
                f"give --image-size (image_size=...) to bring all to one size"
            )
        images[index] = np.asarray(image).transpose(2, 0, 1)

    def decode_run(start: int) -> None:
        for index in range(start, min(start + _RUN, len(images))):
            decode(index)

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(decode_run, range(0, len(images), _RUN)):
            pass
    return torch.from_numpy(images)
