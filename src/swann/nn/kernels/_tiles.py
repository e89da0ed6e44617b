import itertools
import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

Relation = tuple[tuple[tuple[int, int], ...], ...]
"""For each coordinate of a result along one axis: the `(tap, coordinate)` pairs of the operand that enter it."""

MAX_PRODUCTS = 1024
_TILE_COST = 16
"""What beginning and ending a tile costs for each edge, in vectors read."""

_WORTH_FETCHING = 3
"""Products for each vector read from which on it pays to fetch the next edge's map ahead of time."""


@dataclass(frozen=True)
class TileProgram:
    """What one edge adds to one tile of a result: straight-line code, the same for all edges and many tiles.

    All offsets count elements from the tile's first element in the result or in the operand.

    Args:
        lanes: how many neighbouring elements each operation works on.
        outputs: where each accumulator stands in the result.
        products: `(accumulator, tap, operand offset)` of each product of one weight with a vector of the operand.
        fetches: whether the next edge's map is brought into the cache ahead of time.
        streams: whether weights are, which pays where each is read once.
    """

    lanes: int
    outputs: tuple[int, ...]
    products: tuple[tuple[int, int, int], ...]
    fetches: bool = False
    streams: bool = False


Tiles = dict[TileProgram, list[tuple[int, int]]]
"""For each program the `(operand, result)` places of the tiles that it serves, in elements."""


def correlation(source: int, target: int, kernel: int, stride: int, before: int, dilation: int) -> Relation:
    """Return which source coordinates each target coordinate reads along one axis; those in the padding are left out.

    >>> correlation(4, 2, kernel=3, stride=2, before=1, dilation=1)
    (((1, 0), (2, 1)), ((0, 1), (1, 2), (2, 3)))
    """
    return tuple(
        tuple(
            (tap, coordinate)
            for tap in range(kernel)
            if 0 <= (coordinate := place * stride - before + tap * dilation) < source
        )
        for place in range(target)
    )


def transposed(relation: Relation, size: int) -> Relation:
    """Return which target coordinates each of `size` source coordinates enters: the relation of the input gradient.

    >>> transposed(correlation(4, 2, kernel=3, stride=2, before=1, dilation=1), 4)
    (((1, 0),), ((2, 0), (0, 1)), ((1, 1),), ((2, 1),))
    """
    result: list[list[tuple[int, int]]] = [[] for _ in range(size)]
    for place, pairs in enumerate(relation):
        for tap, coordinate in pairs:
            result[coordinate].append((tap, place))
    return tuple(map(tuple, result))


def tiles(
    relations: tuple[Relation, ...],
    kernel: tuple[int, ...],
    operand_strides: tuple[int, ...],
    result_strides: tuple[int, ...],
    lanes: int,
    vectors: int,
    max_accumulators: int,
) -> Tiles:
    """Cut a result into tiles and return the programs that compute them; tiles alike share one program.

    A result is of shape `[*size, batch]`. Places that nothing enters belong to no tile.

    Args:
        relations: for each axis, which of the operand's coordinates enter each of the result's.
        kernel: kernel size.
        operand_strides: elements between neighbours of the operand along each axis.
        result_strides: the same for the result.
        lanes: elements of the batch that one vector holds.
        vectors: vectors of the batch that a block holds.
        max_accumulators: how many vectors of sums a program may hold at once.
    """
    limit = max(1, min(max_accumulators, MAX_PRODUCTS // math.prod(kernel)))
    widths = _widths(relations, limit)
    most = max(1, limit // math.prod(widths))
    vectors_per_tile = max(n for n in range(1, vectors + 1) if vectors % n == 0 and n <= most)
    result: Tiles = defaultdict(list)
    for classes in itertools.product(*map(_axis_tiles, relations, widths)):
        program = _program(
            tuple(pattern for pattern, _ in classes), kernel, operand_strides, result_strides, lanes, vectors_per_tile
        )
        for starts in itertools.product(*(places for _, places in classes)):
            operand = sum(start[0] * stride for start, stride in zip(starts, operand_strides, strict=True))
            place = sum(start[1] * stride for start, stride in zip(starts, result_strides, strict=True))
            for vector in range(0, vectors, vectors_per_tile):
                result[program].append((operand + vector * lanes, place + vector * lanes))
    return dict(result)


def _widths(relations: tuple[Relation, ...], limit: int) -> tuple[int, ...]:
    """Return the size of a tile of at most `limit` places whose tiles together read the fewest vectors."""
    touched = [max(1, sum(map(bool, relation))) for relation in relations]
    options = [sorted({-(-n // math.ceil(n / width)) for width in range(1, min(n, limit) + 1)}) for n in touched]
    best: tuple[float, tuple[int, ...]] = (math.inf, (1,) * len(relations))
    for widths in itertools.product(*options):
        if math.prod(widths) <= limit:
            n_read = math.prod(map(_n_read, relations, widths))
            n_tiles = math.prod(math.ceil(n / width) for n, width in zip(touched, widths, strict=True))
            best = min(best, (n_read + _TILE_COST * n_tiles, widths))
    return best[1]


def _n_read(relation: Relation, width: int) -> int:
    """Return how many coordinates of the operand the tiles of one axis read, together."""
    touched = [pairs for pairs in relation if pairs]
    tiles_of_axis = (touched[start : start + width] for start in range(0, len(touched), width))
    return sum(len({coordinate for pairs in tile for _, coordinate in pairs}) for tile in tiles_of_axis)


Pattern = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


def _axis_tiles(relation: Relation, width: int) -> list[tuple[Pattern, list[tuple[int, int]]]]:
    """Return the patterns of tiles along one axis, each with the `(operand, result)` coordinates where it begins."""
    touched = [place for place, pairs in enumerate(relation) if pairs]
    found: dict[Pattern, list[tuple[int, int]]] = defaultdict(list)
    for start in range(0, len(touched), width):
        places = touched[start : start + width]
        first = min(coordinate for place in places for _, coordinate in relation[place])
        pattern = tuple(
            (place - places[0], tuple((tap, coordinate - first) for tap, coordinate in relation[place]))
            for place in places
        )
        found[pattern].append((first, places[0]))
    return list(found.items())


def _program(
    patterns: tuple[Pattern, ...],
    kernel: tuple[int, ...],
    operand_strides: tuple[int, ...],
    result_strides: tuple[int, ...],
    lanes: int,
    vectors: int,
) -> TileProgram:
    outputs: list[int] = []
    products: list[tuple[int, int, int]] = []
    for places in itertools.product(*patterns):
        output = sum(place[0] * stride for place, stride in zip(places, result_strides, strict=True))
        for vector in range(vectors):
            for tap, offset in _taps(tuple(place[1] for place in places), kernel, operand_strides):
                products.append((len(outputs), tap, offset + vector * lanes))
            outputs.append(output + vector * lanes)
    n_read = len({offset for _, _, offset in products})
    in_order = tuple(sorted(products, key=lambda product: product[::-1]))
    return TileProgram(lanes, tuple(outputs), in_order, len(products) >= _WORTH_FETCHING * n_read)


def _taps(
    pairs: tuple[tuple[tuple[int, int], ...], ...], kernel: tuple[int, ...], strides: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    """Iterate over `(tap, operand offset)` of one place of the result, the taps numbered in row-major order."""
    for combination in itertools.product(*pairs):
        tap = 0
        for (number, _), width in zip(combination, kernel, strict=True):
            tap = tap * width + number
        yield tap, sum(coordinate * stride for (_, coordinate), stride in zip(combination, strides, strict=True))
