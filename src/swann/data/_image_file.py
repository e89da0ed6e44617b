"""One image file: decoded, and cut to a square."""

from typing import Any

from .._errors import DataError, require_extra
from ._places import one_line


def open_image(path: str) -> Any:
    """Decode an image file as RGB; Pillow raises errors of many types for a damaged one.

    Args:
        path: of the file.

    Returns:
        A PIL image.

    Raises:
        DataError: the file is missing or damaged.
        MissingExtraError: torchvision is not installed.
    """
    folder = require_extra("torchvision.datasets.folder", "vision")
    try:
        return folder.pil_loader(path)
    except MemoryError:
        raise
    except Exception as error:
        raise DataError(f"{path}: cannot be read as an image: {one_line(error)}") from error


def centre_cut(image: Any, image_size: int) -> Any:
    """Resize the shorter edge of a PIL image to `image_size` pixels and cut the centre out."""
    functional = require_extra("torchvision.transforms.v2.functional", "vision")
    resized = functional.resize(image, [image_size], antialias=True)
    return functional.center_crop(resized, [image_size, image_size])
