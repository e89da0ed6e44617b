import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ..._errors import InvalidValueError
from ..kernels import LinkShape

Pair = tuple[int, int]
Tap = tuple[int, int, int]
"""A tap's row and column relative to some place, and its number."""

LANES = 64
"""Channels that are multiplied at once: of two tiles of 32, or of four of 16."""

BUNDLE = 4
"""Groups whose weights' gradients a program computes at most; it reads the gradient of the layer's map once for all."""

_AXES = 2
_OF_LAYER, _OF_LINK = 8, 13


@dataclass(frozen=True)
class Phase:
    """The places of a source whose row and column leave the same rests when divided by a link's strides.

    The taps of a kernel that reach one of them reach all of them, but for those at the border.

    Args:
        first: the row and the column of its first place.
        size: its rows and columns.
        taps: for each tap that reaches it the place of the target, relative to the phase's place, and the tap's rank
            among those of its link.
    """

    first: Pair
    size: Pair
    taps: tuple[Tap, ...]


@dataclass(frozen=True)
class LinkLayout:
    """How the tiles of one link meet the maps at both ends; pairs are of rows and columns.

    Args:
        n_sources: channels of the source.
        n_edges: edges of the link.
        n_entries: tiles that hold at least one edge.
        source: size of the source.
        target: size of the target.
        kernel: kernel size.
        stride: stride.
        before: rows of zeros before each axis; negative numbers crop.
        dilation: dilation.
    """

    n_sources: int
    n_edges: int
    n_entries: int
    source: Pair
    target: Pair
    kernel: Pair
    stride: Pair
    before: Pair
    dilation: Pair

    @property
    def n_taps(self) -> int:
        """The weights of one edge."""
        return math.prod(self.kernel)

    @cached_property
    def taps(self) -> tuple[Tap, ...]:
        """The taps that meet the source anywhere: where, for the target's first place, and the tap's number."""
        rows, columns = (self._live(axis) for axis in range(_AXES))
        return tuple(
            (
                row * self.dilation[0] - self.before[0],
                column * self.dilation[1] - self.before[1],
                row * self.kernel[1] + column,
            )
            for row, column in itertools.product(rows, columns)
        )

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """The phases of the source that any tap reaches."""
        found = []
        for first in itertools.product(*map(range, map(min, self.stride, self.source))):
            size = tuple(-(-(self.source[axis] - first[axis]) // self.stride[axis]) for axis in range(_AXES))
            taps = []
            for rank, (row, column, _) in enumerate(self.taps):
                away = first[0] - row, first[1] - column
                if away[0] % self.stride[0] == 0 and away[1] % self.stride[1] == 0:
                    taps.append((away[0] // self.stride[0], away[1] // self.stride[1], rank))
            if taps:
                found.append(Phase((first[0], first[1]), (size[0], size[1]), tuple(taps)))
        return tuple(found)

    @cached_property
    def has_all_phases(self) -> bool:
        """Whether each place of the source is reached by some tap."""
        return sum(math.prod(phase.size) for phase in self.phases) == math.prod(self.source)

    def _live(self, axis: int) -> list[int]:
        """Return the taps of one axis that meet the source at one of the target's places at least."""
        size, stride = self.source[axis], self.stride[axis]
        return [
            tap
            for tap in range(self.kernel[axis])
            if any(
                0 <= place * stride + tap * self.dilation[axis] - self.before[axis] < size
                for place in range(self.target[axis])
            )
        ]


@dataclass(frozen=True)
class LayerLayout:
    """What the block kernels need to know on the host about all links into a layer.

    Channels are cut into tiles of equal width, at both ends of a link; a tile of a weight joins a tile of the target's
    channels and one of the source's.

    Args:
        tile: channels of a tile; the last one of a map may have fewer.
        n_targets: channels of the layer.
        target: rows and columns of the layer's map.
        n_runs: runs of groups, see `block_tables`.
        n_groups: groups of steps that are multiplied at once.
        n_bundles: bundles of groups.
        n_back_groups: such groups of the input gradient.
        links: those into the layer.
    """

    tile: int
    n_targets: int
    target: Pair
    n_runs: int
    n_groups: int
    n_bundles: int
    n_back_groups: int
    links: tuple[LinkLayout, ...]

    @property
    def n_target_tiles(self) -> int:
        """Tiles of the layer's channels."""
        return -(-self.n_targets // self.tile)

    @cached_property
    def source_tiles(self) -> tuple[int, ...]:
        """Tiles of each link's source."""
        return tuple(-(-link.n_sources // self.tile) for link in self.links)

    @cached_property
    def n_entries(self) -> int:
        """Tiles of the weights that hold at least one edge."""
        return sum(link.n_entries for link in self.links)

    @property
    def steps_of_group(self) -> int:
        """Steps that are multiplied at once."""
        return LANES // self.tile

    @cached_property
    def alignment(self) -> int:
        """A power of two, 16 at the most, that divides the number of channels at all ends."""
        return math.gcd(16, self.n_targets, *(link.n_sources for link in self.links))

    @cached_property
    def sections(self) -> dict[str, tuple[int, int]]:
        """Where each part of the tables begins and how many numbers it has; see `block_tables`."""
        n_items = sum(tiles * len(link.phases) for tiles, link in zip(self.source_tiles, self.links, strict=True))
        sizes = {
            "target_starts": self.n_target_tiles + 1,
            "runs": 2 * self.n_runs + 2,
            "bundles": 4 * self.n_bundles,
            "steps": 4 * self.n_groups * self.steps_of_group,
            "links": 8 * len(self.links),
            "taps": sum(len(link.taps) for link in self.links),
            "entries": 4 * self.n_entries,
            "items": 8 * n_items,
            "back_steps": 4 * self.n_back_groups * self.steps_of_group,
            "edges": self.n_entries * self.tile**2,
        }
        starts = itertools.accumulate(sizes.values(), initial=0)
        return {name: (start, size) for (name, size), start in zip(sizes.items(), starts, strict=False)}

    @property
    def n_numbers(self) -> int:
        """The numbers that the tables have."""
        return sum(size for _, size in self.sections.values())

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The layout as whole numbers in a row, as `unflatten_layout` reads them."""
        counts = self.n_runs, self.n_groups, self.n_bundles, self.n_back_groups
        numbers = [self.tile, self.n_targets, *self.target, *counts]
        for link in self.links:
            pairs = (link.source, link.kernel, link.stride, link.before, link.dilation)
            numbers += [link.n_sources, link.n_edges, link.n_entries, *(number for pair in pairs for number in pair)]
        return tuple(numbers)

    def flat(self) -> list[int]:
        """Return the layout as operators of PyTorch take it."""
        return list(self.numbers)


@lru_cache(maxsize=4096)
def unflatten_layout(numbers: tuple[int, ...]) -> LayerLayout:
    """Return the layout that `LayerLayout.flat` wrote.

    Raises:
        InvalidValueError: the numbers are not those of a layout.
    """
    if len(numbers) < _OF_LAYER or (len(numbers) - _OF_LAYER) % _OF_LINK:
        raise InvalidValueError(
            f"the layout of a block layer must have {_OF_LAYER} numbers and {_OF_LINK} a link, got {len(numbers)}"
        )
    tile, n_targets, *size, n_runs, n_groups, n_bundles, n_back_groups = numbers[:_OF_LAYER]
    target = size[0], size[1]
    links = []
    for start in range(_OF_LAYER, len(numbers), _OF_LINK):
        n_sources, n_edges, n_entries, *rest = numbers[start : start + _OF_LINK]
        source, kernel, stride, before, dilation = ((rest[i], rest[i + 1]) for i in range(0, 10, 2))
        links.append(LinkLayout(n_sources, n_edges, n_entries, source, target, kernel, stride, before, dilation))
    return LayerLayout(tile, n_targets, target, n_runs, n_groups, n_bundles, n_back_groups, tuple(links))


def as_plane(shape: LinkShape) -> LinkShape:
    """Return a link's shape with two axes; those that it lacks have one place.

    Raises:
        InvalidValueError: it has more than two.

    >>> as_plane(LinkShape((8,), (4,), (3,), (2,), (1,), (1,))).source
    (1, 8)
    """
    missing = _AXES - len(shape.source)
    if missing < 0:
        raise InvalidValueError(f"block kernels are for maps of two axes at the most, got one of size {shape.source}")
    return LinkShape(*(fill + part for fill, part in zip(_fills(missing), _parts(shape), strict=True)))


def _fills(missing: int) -> Sequence[tuple[int, ...]]:
    return [(number,) * missing for number in (1, 1, 1, 1, 0, 1)]


def _parts(shape: LinkShape) -> Sequence[tuple[int, ...]]:
    return shape.source, shape.target, shape.kernel, shape.stride, shape.before, shape.dilation
