"""Where the buffers of one pass stand in one block of memory."""

from collections.abc import Sequence

ALIGNMENT = 64
"""Bytes of a cache line and of the widest vector: each buffer begins at a multiple of them."""


def arena(sizes: Sequence[int], lifetimes: Sequence[range]) -> tuple[tuple[int, ...], int]:
    """Return where each buffer begins and how long the block is, so that buffers in use at once do not overlap.

    The largest buffer is placed first, each in the first gap that holds it.

    Args:
        sizes: bytes of each buffer.
        lifetimes: the steps at which it is in use.

    >>> arena([100, 50, 64], [range(0, 2), range(1, 3), range(2, 4)])
    ((0, 128, 0), 192)
    """
    starts = [0] * len(sizes)
    placed: list[int] = []
    for buffer in sorted(range(len(sizes)), key=lambda each: -sizes[each]):
        life = lifetimes[buffer]
        rivals = [each for each in placed if lifetimes[each].start < life.stop and life.start < lifetimes[each].stop]
        start = 0
        for rival in sorted(rivals, key=lambda each: starts[each]):
            if starts[rival] - start >= _aligned(sizes[buffer]):
                break
            start = max(start, starts[rival] + _aligned(sizes[rival]))
        starts[buffer] = start
        placed.append(buffer)
    return tuple(starts), max((starts[each] + _aligned(sizes[each]) for each in placed), default=0)


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
