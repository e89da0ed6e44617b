"""Cutting a set of images into batches."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from .._errors import InvalidValueError
from ._streamed_images import Images


def batches(
    images: Images,
    labels: Tensor,
    batch_size: int,
    *,
    seed: int = 0,
    epoch: int = 0,
    shuffle: bool = True,
    drop_last: bool = False,
) -> Iterator[tuple[Images, Tensor]]:
    """Yield the images with their labels, `batch_size` at a time, each once.

    The order depends on `seed` and `epoch` alone, so a run that was stopped can go on with the same batches.

    Args:
        images: [N, ...], in memory or in files.
        labels: [N].
        batch_size: images in a batch; the last one holds what is left.
        seed: of the order.
        epoch: number of the epoch, 0 or more; each has an order of its own.
        shuffle: draw an order; otherwise the images come as they lie.
        drop_last: leave out a last batch that is not full.

    Raises:
        InvalidValueError: an argument that gives no batch, or lengths that differ.

    >>> [labels.tolist() for _, labels in batches(torch.zeros(5), torch.arange(5), 2, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    """
    total = len(images)
    if len(labels) != total:
        raise InvalidValueError(f"batches: expected as many labels as images, found {len(labels)} and {total}")
    if batch_size < 1:
        raise InvalidValueError(f"batch_size: expected at least 1, found {batch_size}")
    if seed < 0 or epoch < 0:
        raise InvalidValueError(f"seed and epoch: expected 0 or more, found {seed} and {epoch}")
    if drop_last and total < batch_size:
        raise InvalidValueError(
            f"batch_size={batch_size} with drop_last leaves no batch of {total} images; use a smaller batch_size"
        )
    order = None
    if shuffle:
        order = torch.from_numpy(np.random.default_rng([seed, epoch]).permutation(total))
        order = order.to(images.device) if isinstance(images, Tensor) else order
    stop = total - total % batch_size if drop_last else total
    return _cut(images, labels, order, batch_size, stop)


def _cut(
    images: Images, labels: Tensor, order: Tensor | None, batch_size: int, stop: int
) -> Iterator[tuple[Images, Tensor]]:
    for start in range(0, stop, batch_size):
        end = min(start + batch_size, stop)
        if order is None:
            yield images[start:end], labels[start:end]
        else:
            yield images[order[start:end]], labels[order[start:end].to(labels.device)]
