"""CIFAR-10 and CIFAR-100 in their official files, read by torchvision."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._errors import DataError, require_extra
from ._folder import load_folder
from ._image_data import ImageData
from ._places import download_failed, missing


def load_cifar(name: str, data_dir: Path, download: bool, memory_limit: int) -> ImageData:
    """Load CIFAR-10 or CIFAR-100 from `data_dir`.

    The official files are pickles, and a pickle can run any code. torchvision opens only files whose MD5 sum is
    that of the official ones, so a changed file is refused, not run. CIFAR-10 is also read from folders of
    images, `data_dir`/cifar10/train/<class> and .../test/<class>, if the official files are not there.

    Args:
        name: `cifar10` or `cifar100`.
        data_dir: the folder that holds `cifar-10-batches-py` or `cifar-100-python`.
        download: fetch the official files if neither they nor the folders are there, or if one is damaged.
        memory_limit: bytes that decoded images of a folder may take.

    Raises:
        MissingDataError: the dataset is not there, or could not be downloaded.
        DataError: a file is not the official one.
        MissingExtraError: torchvision is not installed.
    """
    datasets = require_extra("torchvision.datasets", "vision")
    dataset_class = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[name]
    official = data_dir / dataset_class.base_folder
    looked_at = [official]
    if name == "cifar10" and not official.is_dir():
        folder = data_dir / "cifar10"
        looked_at.append(folder / "train")
        if (folder / "train").is_dir():
            return load_folder(folder, None, memory_limit, name)
    if download:
        try:
            dataset_class(data_dir, download=True)
        except (OSError, RuntimeError) as error:
            raise download_failed(name, data_dir, error) from error
    if not official.is_dir():
        raise missing(name, looked_at)
    _check_files(name, dataset_class, official)
    train, test = dataset_class(data_dir, train=True), dataset_class(data_dir, train=False)
    return ImageData.from_tensors(
        name,
        tuple(train.classes),
        _channels_first(train.data),
        torch.tensor(train.targets, dtype=torch.int64),
        _channels_first(test.data),
        torch.tensor(test.targets, dtype=torch.int64),
        source=str(official),
    )


def _channels_first(images: np.ndarray[Any, np.dtype[np.uint8]]) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def _check_files(name: str, dataset_class: Any, official: Path) -> None:
    """Name the file that is missing or not the official one; torchvision says only that there is one."""
    check_integrity = require_extra("torchvision.datasets.utils", "vision").check_integrity
    files = dataset_class.train_list + dataset_class.test_list
    files.append([dataset_class.meta["filename"], dataset_class.meta["md5"]])
    for filename, md5 in files:
        path = official / filename
        if not path.is_file():
            raise missing(name, [path])
        if not check_integrity(path, md5):
            raise DataError(
                f"{path}: damaged or not the official file (its MD5 sum is not {md5}); "
                f"remove the file and fetch it again"
            )
