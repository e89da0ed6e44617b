"""Where the buffers of one pass stand in one block of memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

ALIGNMENT = 64
"""Bytes of a cache line and of the widest vector: each buffer begins at a multiple of them."""


@dataclass(frozen=True)
class Held:
    """An address in a buffer: the buffer's number and bytes from its beginning."""

    buffer: int
    offset: int = 0


@dataclass(eq=False)
class Buffers:
    """The buffers of one pass: each lives from the first step that uses it to the last one."""

    sizes: list[int] = field(default_factory=list)
    lifetimes: list[range] = field(default_factory=list)

    def add(self, n_bytes: int) -> Held:
        """Return a new buffer."""
        self.sizes.append(n_bytes)
        self.lifetimes.append(range(0))
        return Held(len(self.sizes) - 1)

    def use(self, held: Held, step: int) -> None:
        """Keep a buffer until a step has been taken, which is not before any that it was kept for so far."""
        life = self.lifetimes[held.buffer]
        self.lifetimes[held.buffer] = range(life.start if life else step, step + 1)

    def placed(self) -> tuple[tuple[int, ...], int]:
        """Return where each buffer begins, and how long the block is."""
        return arena(self.sizes, self.lifetimes)


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
