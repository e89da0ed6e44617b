"""A layer's map, computed part by part, each finished while it is in the cache."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ._check import check_links
from ._finish import finish_
from ._finish_assembly import Finish
from ._passes import forward_, set_to_bias_

_PART_BYTES = 2**22
"""What the part of a map that is worked on may take where a pooling follows, so that the whole map never exists."""


@dataclass(frozen=True)
class Finishing:
    """A finish with its numbers, for one layer's maps.

    Args:
        finish: the steps.
        scales: see `swann.nn.kernels._finish.finish_`.
        size: spatial size of the finished map.
    """

    finish: Finish
    scales: Tensor | None
    size: tuple[int, ...]


def compute_finished_layer(
    sources: list[Tensor],
    weights: list[Tensor],
    wirings: list[Tensor],
    bias: Tensor | None,
    shapes: list[int],
    size: list[int],
    finishing: Finishing,
    *,
    keeps_taps: bool,
    halves: list[Tensor] | None = None,
) -> tuple[Tensor, Tensor | None]:
    """Return a layer's map after the steps of a finish, and the taps of the pooling's maxima if they are to be kept.

    The arguments are as for `swann.nn.kernels._operator.compute_layer`; all tensors are contiguous,
    but for the sources if there are halves.
    """
    finish, scales = finishing.finish, finishing.scales
    whole = sources[0].new_empty(size, device="meta")
    check_links(sources, weights, wirings, shapes, whole)
    result = sources[0].new_empty(*size[:2], *finishing.size, size[-1])
    taps = result.new_empty(result.shape, dtype=torch.int8) if keeps_taps else None
    space = None
    at_once = 1 if halves is None else 2
    for blocks, channels in _parts(size, result.element_size(), whole_channels=finish.pool is None, at_once=at_once):
        finished = result[blocks, channels]
        part = finished
        if finish.pool is not None:
            if space is None:  # the first part is the largest
                space = result.new_empty(*finished.shape[:2], *size[2:])
            part = space.view(-1)[: finished.shape[:2].numel() * space[0, 0].numel()].view(
                *finished.shape[:2], *size[2:]
            )
        set_to_bias_(part, None if bias is None else bias[channels], part.ndim - 2)
        if halves is None:
            of_blocks = [source[blocks] for source in sources]
        else:
            of_blocks = [each[blocks.start // 2 : blocks.stop // 2] for each in halves]
        forward_(part, of_blocks, weights, wirings, shapes, (channels.start, size[1]))
        of_part = None if scales is None else scales[channels]
        finish_(part, finished, finish, of_part, None if taps is None else taps[blocks, channels])
    return result, taps


def finished(blocks: Tensor, finishing: Finishing) -> Tensor:
    """Return a map after the steps of a finish; the map itself is overwritten, or of no use any more."""
    result = blocks
    if finishing.finish.pool is not None:
        result = blocks.new_empty(*blocks.shape[:2], *finishing.size, blocks.shape[-1])
    finish_(blocks, result, finishing.finish, finishing.scales)
    return result


def _parts(size: list[int], itemsize: int, *, whole_channels: bool, at_once: int = 1) -> Iterator[tuple[slice, slice]]:
    """Cut a map into parts of some times `at_once` blocks, or of some channels of `at_once` blocks; yield both."""
    n_blocks, n_channels = size[:2]
    of_channel = max(1, math.prod(size[2:]) * itemsize * at_once)
    n_at_once = max(1, _PART_BYTES // of_channel)
    if whole_channels or n_at_once >= n_channels:
        step = at_once * max(1, n_at_once // max(1, n_channels))
        for block in range(0, n_blocks, step):
            yield slice(block, min(block + step, n_blocks)), slice(0, n_channels)
        return
    for block in range(0, n_blocks, at_once):
        for channel in range(0, n_channels, n_at_once):
            yield slice(block, block + at_once), slice(channel, min(channel + n_at_once, n_channels))
