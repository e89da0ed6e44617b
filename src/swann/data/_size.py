"""The memory that decoded images take, and images of another size."""

import torch
from torch import Tensor
from torch.nn import functional

from .._errors import InvalidValueError

_CHUNK = 512
"""Images resized together: bounds the memory used on the way."""


def decoded_size(count: int, shape: tuple[int, int, int]) -> int:
    """Return the bytes that `count` decoded images take, a byte a value, each of `shape`: channels, height, width."""
    channels, height, width = shape
    return count * channels * height * width


def check_decoded_size(name: str, count: int, shape: tuple[int, int, int], limit: int) -> None:
    """Refuse images that would take more memory than allowed.

    Args:
        name: of the dataset.
        count: how many images.
        shape: channels, height and width of one, a byte a value.
        limit: bytes.

    Raises:
        InvalidValueError: they take more than `limit`.
    """
    channels, height, width = shape
    needed = decoded_size(count, shape)
    if needed > limit:
        raise InvalidValueError(
            f"{name}: {count:,} images of {channels}×{height}×{width} take {needed / 2**30:.2f} GiB in memory, "
            f"more than the limit of {limit / 2**30:.2f} GiB; choose a smaller image_size or a higher memory_limit"
        )


def resize(images: Tensor, image_size: int) -> Tensor:
    """Resize the shorter edge to `image_size` (bilinear, antialiased) and crop the centre to a square.

    Args:
        images: uint8, [N, C, H, W].
        image_size: pixels.

    Returns:
        uint8, [N, C, image_size, image_size].

    >>> resize(torch.zeros(2, 1, 8, 4, dtype=torch.uint8), 6).shape
    torch.Size([2, 1, 6, 6])
    """
    count, channels, height, width = images.shape
    if (height, width) == (image_size, image_size):
        return images
    scale = image_size / min(height, width)
    size = [max(image_size, round(height * scale)), max(image_size, round(width * scale))]
    top, left = (size[0] - image_size) // 2, (size[1] - image_size) // 2
    result = torch.empty(count, channels, image_size, image_size, dtype=torch.uint8)
    for start in range(0, count, _CHUNK):
        chunk = functional.interpolate(
            images[start : start + _CHUNK], size=size, mode="bilinear", antialias=True, align_corners=False
        )
        result[start : start + _CHUNK] = chunk[:, :, top : top + image_size, left : left + image_size]
    return result
