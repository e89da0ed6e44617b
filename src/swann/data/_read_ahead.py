"""Batches of images, decoded while the ones before them are used."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator

from torch import Tensor

from ._streamed_images import Images

_DEPTH = 3
"""Batches that are decoded in advance."""


def read_ahead(
    source: Iterable[tuple[Images, Tensor, Tensor | None]], depth: int = _DEPTH
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield images and labels, those of the next batches being decoded meanwhile where they are in files.

    Args:
        source: images, labels, and the squares to cut out (`StreamedImages.start_decoding`), None for images in memory.
        depth: batches decoded in advance, 0 or more.

    Raises:
        DataError: an image cannot be read.
    """
    waiting: deque[tuple[Callable[[], Tensor], Tensor]] = deque()
    for images, labels, crops in source:
        if isinstance(images, Tensor):
            yield images, labels
            continue
        waiting.append((images.start_decoding(crops), labels))
        if len(waiting) > depth:
            ready, of_ready = waiting.popleft()
            yield ready(), of_ready
    for ready, of_ready in waiting:
        yield ready(), of_ready
