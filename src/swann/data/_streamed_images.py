"""Images that stay in their files and are decoded when they are needed, for sets that do not fit into memory."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, overload

import numpy as np
import torch
from torch import Tensor

from .._errors import InvalidValueError, require_extra
from ._image_file import centre_cut, open_image

_RUN = 4
"""Images that a thread decodes before it takes more."""


class StreamedImages:
    """RGB images in files; an index gives fewer of them and decodes nothing.

    Args:
        paths: of the image files.
        image_size: pixels of the square that each is brought to.

    >>> images = StreamedImages(["a.png", "b.png", "c.png"], 32)
    >>> len(images[1:]), images.shape
    (2, (3, 3, 32, 32))
    """

    def __init__(self, paths: Sequence[str], image_size: int) -> None:
        self.paths = paths
        self.image_size = image_size

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the tensor which `decode` returns."""
        return len(self.paths), 3, self.image_size, self.image_size

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: slice) -> "StreamedImages": ...
    @overload
    def __getitem__(self, index: Tensor) -> "StreamedImages": ...
    def __getitem__(self, index: slice | Tensor) -> "StreamedImages":
        if isinstance(index, slice):
            return StreamedImages(self.paths[index], self.image_size)
        return StreamedImages([self.paths[number] for number in index.tolist()], self.image_size)

    def decode(self, crops: Tensor | None = None) -> Tensor:
        """Return the images; see `start_decoding`."""
        return self.start_decoding(crops)()

    def start_decoding(self, crops: Tensor | None = None) -> Callable[[], Tensor]:
        """Let threads decode the images; return what waits for them and gives them as uint8, [N, 3, size, size].

        Args:
            crops: for each image a square to cut out, [N, 3]: its side as a share of the image's shorter one, above 0
                and at most 1, and where it lies from top to bottom and from left to right, each from 0 to 1. None
                resizes the shorter edge and cuts the centre out.

        Raises:
            DataError: an image cannot be read; raised by what is returned.
            InvalidValueError: `crops` is of another shape.
        """
        if crops is not None and crops.shape != (len(self), 3):
            raise InvalidValueError(f"crops: expected a tensor of shape [{len(self)}, 3], found {list(crops.shape)}")
        images = np.empty(self.shape, dtype=np.uint8)
        places = None if crops is None else crops.tolist()

        def decode_run(start: int) -> None:
            for index in range(start, min(start + _RUN, len(self))):
                image = open_image(self.paths[index])
                place = None if places is None else places[index]
                square = centre_cut(image, self.image_size) if place is None else _cut(image, self.image_size, place)
                images[index] = np.asarray(square).transpose(2, 0, 1)

        futures: list[Future[None]] = [_pool().submit(decode_run, start) for start in range(0, len(self), _RUN)]

        def wait() -> Tensor:
            for future in futures:
                future.result()
            return torch.from_numpy(images)

        return wait


Images = Tensor | StreamedImages
"""Images in memory (uint8, [N, C, H, W]) or in files."""


def decoded(images: Images) -> Tensor:
    """Return images as a tensor, read from their files where they are not in memory."""
    return images if isinstance(images, Tensor) else images.decode()


def _cut(image: Any, image_size: int, place: Sequence[float]) -> Any:
    functional = require_extra("torchvision.transforms.v2.functional", "vision")
    share, down, right = place
    width, height = image.size
    side = max(1, round(share * min(width, height)))
    top, left = round(down * (height - side)), round(right * (width - side))
    return functional.resized_crop(image, top, left, side, side, [image_size, image_size], antialias=True)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor()
