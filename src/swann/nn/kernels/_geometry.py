import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from ._assembly import Pass
from ._compile import n_vector_registers
from ._tiles import TileProgram, Tiles, correlation, tiles, transposed

Shape = tuple[int, ...]

COLUMN_VECTORS = 8
"""Vectors of places that a tile of columns has at most."""


@dataclass(frozen=True)
class LinkShape:
    """How the kernels of a link meet the maps at both ends; all tuples have one number for each spatial axis.

    Args:
        source: size of the map that the link starts from.
        target: size of the map that it ends at.
        kernel: kernel size.
        stride: stride.
        before: rows of zeros before each axis; negative numbers crop.
        dilation: dilation.
    """

    source: Shape
    target: Shape
    kernel: Shape
    stride: Shape
    before: Shape
    dilation: Shape

    @property
    def n_taps(self) -> int:
        """The weights of one edge."""
        return math.prod(self.kernel)

    def flat(self) -> list[int]:
        """Return the numbers in a row, as `unflatten` reads them."""
        parts = (self.source, self.target, self.kernel, self.stride, self.before, self.dilation)
        return [len(self.source), *(number for part in parts for number in part)]


@lru_cache(maxsize=4096)
def unflatten(numbers: tuple[int, ...]) -> tuple[LinkShape, ...]:
    """Return the shapes that `LinkShape.flat` wrote one after the other."""
    shapes = []
    position = 0
    while position < len(numbers):
        n_axes = numbers[position]
        start = position + 1
        shapes.append(LinkShape(*(numbers[start + n_axes * i : start + n_axes * (i + 1)] for i in range(6))))
        position = start + 6 * n_axes
    return tuple(shapes)


@lru_cache(maxsize=4096)
def selected(numbers: tuple[int, ...], wanted: tuple[bool, ...]) -> tuple[int, ...]:
    """Return the numbers of those shapes in a row that are wanted.

    >>> selected((1, 5, 3, 3, 1, 0, 1, 1, 8, 8, 1, 1, 0, 1), (False, True))
    (1, 8, 8, 1, 1, 0, 1)
    """
    if all(wanted):
        return numbers
    links = unflatten(numbers)
    return tuple(number for link, want in zip(links, wanted, strict=True) if want for number in link.flat())


def blocked_tiles(
    shape: LinkShape, kind: Pass, block: int, lanes: int, rows: range | None = None, *, halves: bool = False
) -> Tiles:
    """Return the tiles of one pass over maps of shape `[nodes, *size, block]`, in elements.

    Args:
        shape: the link's shape.
        kind: the pass; the weight gradient has the forward pass's tiles.
        block: samples that stand beside each other.
        lanes: elements of a vector register; what is left of the block is worked on with a shorter vector.
        rows: of the result, along its first axis; all if None.
        halves: whether each place has sums for two blocks, where sums are those of places.
    """
    relations = tuple(
        map(correlation, shape.source, shape.target, shape.kernel, shape.stride, shape.before, shape.dilation)
    )
    operand, result = shape.source, shape.target
    if kind == "input":
        relations = tuple(map(transposed, relations, shape.source))
        operand, result = result, operand
    if rows is not None:
        first, *others = relations
        relations = (tuple(pairs if row in rows else () for row, pairs in enumerate(first)), *others)
    steps = _strides(operand, block), _strides(result, block)
    found = Tiles()
    full = block // lanes
    limit = n_vector_registers()
    if kind != "weight":  # whose sums are those of taps, not of places
        limit //= 4 if halves else 2
    if full:
        found |= tiles(relations, shape.kernel, *steps, lanes, full, limit)
    if block % lanes:
        shift = full * lanes
        rest = tiles(relations, shape.kernel, *steps, block % lanes, 1, limit)
        for program, places in rest.items():
            found[program] = [(first + shift, second + shift) for first, second in places]
    return found


def column_tiles(taps: Sequence[int], n_places: int, lanes: int, places: range | None = None) -> Tiles:
    """Return the tiles of a forward pass where each tap meets neighbouring places of a source, in elements.

    Args:
        taps: where each tap's place for the first place of the target map stands in a source's row.
        n_places: elements of the target map.
        lanes: elements of a vector register; what is left of the places is worked on with a shorter vector.
        places: tiles that do not begin at one of them are left out; all are there if None.
    """
    found: Tiles = {}
    for width, vectors, start in _chunks(n_places, lanes):
        if places is not None and start not in places:
            continue
        program = TileProgram(
            width,
            tuple(vector * width for vector in range(vectors)),
            tuple((v, number, tap + v * width) for number, tap in enumerate(taps) for v in range(vectors)),
        )
        found.setdefault(program, []).append((start, start))
    return found


def _chunks(n_places: int, lanes: int) -> Iterator[tuple[int, int, int]]:
    """Iterate over `(lanes, vectors, start)` that cover `n_places` elements."""
    full = n_places // lanes
    for first in range(0, full, COLUMN_VECTORS):
        yield lanes, min(COLUMN_VECTORS, full - first), first * lanes
    if n_places % lanes:
        yield n_places % lanes, 1, full * lanes


def _strides(size: Sequence[int], block: int) -> Shape:
    return tuple(math.prod(size[axis + 1 :]) * block for axis in range(len(size)))
