"""A dataset of images, in memory or in files."""

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .._errors import DataError, InvalidValueError
from ._split import stratified_split
from ._streamed_images import Images, StreamedImages, decoded

_CHUNK = 4096
"""Images looked at together when the mean and standard deviation are computed: bounds the memory used."""

_SAMPLE, _SAMPLE_CHUNK = 2048, 128
"""Images in files that the mean and standard deviation are taken over, and how many of them at a time."""


@dataclass(frozen=True, eq=False)
class ImageData:
    """Training and test images with their labels; made by `load` or `ImageData.from_tensors`.

    Args:
        name: of the dataset; says so if it is a part of one.
        classes: the names of the classes; a label is an index into it.
        train_images: uint8, [N, C, H, W]; or in files.
        train_labels: int64, [N].
        test_images: uint8, [M, C, H, W]; or in files.
        test_labels: int64, [M].
        mean: of each channel over the training images, on the scale 0 to 1; over 2,048 of them, evenly spread, where
            they are in files.
        std: standard deviation of each channel, on the same scale; 1 for a channel that never changes.
        source: where the data was read from.
        skipped: images that could not be read and are left out, each with the reason.

    Raises:
        DataError: shapes, types or labels do not fit together.
    """

    name: str
    classes: tuple[str, ...]
    train_images: Images = field(repr=False)
    train_labels: Tensor = field(repr=False)
    test_images: Images = field(repr=False)
    test_labels: Tensor = field(repr=False)
    mean: tuple[float, ...]
    std: tuple[float, ...]
    source: str = ""
    skipped: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for part, images, labels in (
            ("train", self.train_images, self.train_labels),
            ("test", self.test_images, self.test_labels),
        ):
            _check_part(f"{self.name}: {part}", images, labels, len(self.classes))
        if self.train_images.shape[1:] != self.test_images.shape[1:]:
            raise DataError(
                f"{self.name}: train images are {_shape(self.train_images)}, "
                f"test images {_shape(self.test_images)}; expected the same size"
            )

    @classmethod
    def from_tensors(
        cls,
        name: str,
        classes: tuple[str, ...],
        train_images: Images,
        train_labels: Tensor,
        test_images: Images,
        test_labels: Tensor,
        source: str = "",
        skipped: tuple[str, ...] = (),
    ) -> "ImageData":
        """Make a dataset and compute its mean and standard deviation from the training images.

        >>> images = torch.tensor([0, 255], dtype=torch.uint8).reshape(2, 1, 1, 1)
        >>> ImageData.from_tensors("dots", ("off", "on"), images, torch.arange(2), images, torch.arange(2)).mean
        (0.5,)
        """
        _check_part(f"{name}: train", train_images, train_labels, len(classes))
        mean, std = _channel_statistics(train_images)
        return cls(name, classes, train_images, train_labels, test_images, test_labels, mean, std, source, skipped)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of an image."""
        channels, height, width = self.train_images.shape[1:]
        return channels, height, width

    @property
    def streamed(self) -> bool:
        """Whether the training images are in files and decoded when they are needed."""
        return isinstance(self.train_images, StreamedImages)

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return len(self.classes)

    def __str__(self) -> str:
        shape = _shape(self.train_images)
        return (
            f"{self.name}: {len(self.train_images):,} training and {len(self.test_images):,} test images "
            f"of {shape}, {self.n_classes} classes{', read from disk' if self.streamed else ''}"
        )

    def normalise(self, images: Tensor) -> Tensor:
        """Return (images / 255 - mean) / std as float32, on the device of `images`.

        Args:
            images: uint8, [N, C, H, W].

        Raises:
            InvalidValueError: another type, or another number of channels.
        """
        channels = len(self.mean)
        if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1] != channels:
            raise InvalidValueError(
                f"images to normalise: expected uint8 of shape [N, {channels}, H, W], "
                f"found {images.dtype} of shape {list(images.shape)}"
            )
        mean = torch.tensor(self.mean, device=images.device).view(1, -1, 1, 1)
        std = torch.tensor(self.std, device=images.device).view(1, -1, 1, 1)
        return (images / 255 - mean) / std

    def split_validation(self, fraction: float = 0.1, seed: int = 0) -> "ImageData":
        """Hold out a part of the training images as the test set; the real test images are not in the result.

        Args:
            fraction: of each class's training images to hold out, above 0 and below 1.
            seed: of the draw.

        Raises:
            InvalidValueError: the fraction is out of range, or too few images are left on one side.
        """
        if not 0 < fraction < 1:
            raise InvalidValueError(f"fraction: expected a number between 0 and 1, found {fraction}")
        total = len(self.train_labels)
        size = round(total * fraction)
        if not 0 < size < total:
            raise InvalidValueError(
                f"fraction={fraction} of {total} training images leaves {size} for validation and "
                f"{total - size} for training; each needs at least one"
            )
        held_out, kept = stratified_split(self.train_labels, size, seed)
        return ImageData.from_tensors(
            f"{self.name} (validation: {fraction:.4g} of the training images, seed {seed})",
            self.classes,
            self.train_images[kept],
            self.train_labels[kept],
            self.train_images[held_out],
            self.train_labels[held_out],
            self.source,
            self.skipped,
        )

    def subset(self, train: int | None = None, test: int | None = None, seed: int = 0) -> "ImageData":
        """Keep only some of the images, each class in its share.

        Args:
            train: training images to keep; all of them if None.
            test: test images to keep; all of them if None.
            seed: of the draw.

        Raises:
            InvalidValueError: fewer than one image, or more than there are.
        """
        kept = {}
        for part, size, labels in (("train", train, self.train_labels), ("test", test, self.test_labels)):
            size = len(labels) if size is None else size
            if not 1 <= size <= len(labels):
                raise InvalidValueError(f"{self.name}: {part} subset: expected 1 to {len(labels)} images, found {size}")
            kept[part] = stratified_split(labels, size, seed)[0]
        return ImageData.from_tensors(
            f"{self.name} (subset: {len(kept['train'])} training, {len(kept['test'])} test images, seed {seed})",
            self.classes,
            self.train_images[kept["train"]],
            self.train_labels[kept["train"]],
            self.test_images[kept["test"]],
            self.test_labels[kept["test"]],
            self.source,
            self.skipped,
        )


def _check_part(where: str, images: Images, labels: Tensor, n_classes: int) -> None:
    if isinstance(images, StreamedImages):
        if not len(images):
            raise DataError(f"{where} images: expected at least one file, found none")
    elif images.dtype != torch.uint8 or images.ndim != 4 or images.numel() == 0:
        raise DataError(
            f"{where} images: expected uint8 of shape [N, C, H, W] with N at least 1, "
            f"found {images.dtype} of shape {list(images.shape)}"
        )
    if labels.dtype != torch.int64 or labels.shape != images.shape[:1]:
        raise DataError(
            f"{where} labels: expected int64 of shape [{len(images)}], one an image, "
            f"found {labels.dtype} of shape {list(labels.shape)}"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= n_classes:
        raise DataError(f"{where} labels: expected 0 to {n_classes - 1}, found {low} to {high}")


def _channel_statistics(images: Images) -> tuple[tuple[float, ...], tuple[float, ...]]:
    channels = images.shape[1]
    counts = torch.zeros(channels, 256, dtype=torch.float64)
    step = _CHUNK
    if isinstance(images, StreamedImages):
        images, step = images[:: max(1, len(images) // _SAMPLE)][:_SAMPLE], _SAMPLE_CHUNK
    for start in range(0, len(images), step):
        chunk = decoded(images[start : start + step])
        for channel in range(channels):
            counts[channel] += torch.bincount(chunk[:, channel].flatten(), minlength=256).cpu()
    values = torch.arange(256, dtype=torch.float64) / 255
    shares = counts / counts.sum(dim=1, keepdim=True)
    means = (shares * values).sum(dim=1, keepdim=True)
    variances = (shares * (values - means) ** 2).sum(dim=1)
    return tuple(means.flatten().tolist()), tuple(math.sqrt(variance) or 1.0 for variance in variances.tolist())


def _shape(images: Images) -> str:
    return "×".join(str(size) for size in images.shape[1:])
