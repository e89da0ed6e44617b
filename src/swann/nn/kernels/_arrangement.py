"""How a map is laid out for the kernels of a link, where a small batch does not fill vectors with samples."""

import math
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ._columns import places_in_columns
from ._compile import n_vector_registers
from ._geometry import LinkShape
from ._rows import extents, places_in_rows

Shape = tuple[int, ...]
Layout = Literal["rows", "columns", "pairs", "vector"]
Pairs = tuple[tuple[tuple[int, int] | None, ...], ...]


@dataclass(frozen=True, eq=False)
class Arrangement:
    """What the kernels of a link read at a small batch.

    In rows, a tap meets neighbouring places of the source for neighbouring places of the layer's map (see `_rows`). In
    columns each tap has the places that it meets in a row of its own. In pairs each product of a place of the layer's
    map and one of the source has a lane of a vector (see `pairs_of`). A vector holds all of a small map, of which the
    kernels pick for each tap what it meets.

    There is one object for equal values, from `arrangements`.

    Args:
        shape: the link's shape.
        layout: which of these.
        size: of the layer's map as it is computed, in rows with room for the kernels' reach.
    """

    shape: LinkShape
    layout: Layout
    size: Shape

    def length(self, batch: int, lanes: int) -> int:
        """Return how many elements one channel of a map has in this arrangement; the arguments are as for `offsets`."""
        if self.layout == "vector":
            return lanes
        if self.layout == "pairs":
            return sum(map(len, pairs_of(self.shape, batch, lanes)))
        if self.layout == "rows":
            return len(places_in_rows(self.shape, self.size)) * batch
        return self.shape.n_taps * math.prod(self.shape.target) * batch

    def offsets(self, n_sources: int, batch: int, lanes: int) -> NDArray[np.int32]:
        """Return which element of a map of shape `[batch, sources, *size]` stands at each place, or -1 for a zero.

        They count from the first element of the source's first sample.

        Args:
            n_sources: channels of the map.
            batch: samples.
            lanes: numbers in one vector.
        """
        n_places = math.prod(self.shape.source)
        samples = np.arange(batch) * n_sources * n_places
        if self.layout == "vector":
            of_samples = (np.arange(n_places)[:, None] + samples).ravel()
            return np.pad(of_samples, (0, lanes - len(of_samples)), constant_values=-1).astype(np.int32)
        if self.layout == "pairs":
            met = places_in_columns(self.shape)
            lanes_of = (pair for pairs in pairs_of(self.shape, batch, lanes) for pair in pairs)
            found = [-1 if p is None else met[p[1], p[0] // batch] + samples[p[0] % batch] for p in lanes_of]
            return np.array(found, dtype=np.int32)
        places = places_in_rows(self.shape, self.size) if self.layout == "rows" else places_in_columns(self.shape)
        return np.where(places[..., None] >= 0, places[..., None] + samples, -1).astype(np.int32).ravel()


def picked(shape: LinkShape, batch: int, lanes: int) -> list[list[int | None]]:
    """Return for each tap which element of a small map each place meets, all samples' beside each other, or None.

    Args:
        shape: the link's shape.
        batch: samples.
        lanes: of which there are at least as many as elements of either map.
    """
    found = []
    for met in places_in_columns(shape).tolist():
        of_places = [None if place < 0 else place * batch + sample for place in met for sample in range(batch)]
        found.append([*of_places, *[None] * (lanes - len(of_places))])
    return found


@lru_cache(maxsize=4096)
def pairs_of(shape: LinkShape, batch: int, lanes: int) -> Pairs:
    """Return the products of a link's kernels, as `swann.nn.kernels._pair_assembly.pair_function` takes them.

    Each is `(place, tap)`, the places of all samples counted, those of a place beside each other.

    Args:
        shape: the link's shape.
        batch: samples.
        lanes: the most numbers in one vector; less are used where there are fewer products and taps.
    """
    taps, places = np.nonzero(places_in_columns(shape) >= 0)
    products = sorted(
        (int(place) * batch + sample, int(tap))
        for tap, place in zip(taps, places, strict=True)
        for sample in range(batch)
    )
    lanes = min(lanes, 2 ** math.ceil(math.log2(max(len(products), shape.n_taps))))
    vectors: list[tuple[tuple[int, int] | None, ...]] = []
    for first in range(0, shape.n_taps, lanes):
        of_taps = [pair for pair in products if first <= pair[1] < first + lanes]
        for start in range(0, len(of_taps), lanes):
            part = of_taps[start : start + lanes]
            vectors.append((*part, *[None] * (lanes - len(part))))
    return tuple(vectors)


def arrangements(shapes: tuple[LinkShape, ...], batch: int, lanes: int) -> tuple[Arrangement, ...]:
    """Return how the links into one layer read their sources.

    Args:
        shapes: of the links.
        batch: samples.
        lanes: numbers in one vector.
    """
    if shapes and shapes[0].target and math.prod(shapes[0].target) * batch > lanes:
        size = extents(shapes, batch, lanes)
        return tuple(_arrangement(shape, "rows", size) for shape in shapes)
    return tuple(_arrangement(shape, _flat_layout(shape, batch, lanes), shape.target) for shape in shapes)


@cache
def _arrangement(shape: LinkShape, layout: Layout, size: Shape) -> Arrangement:
    """Return the one arrangement with these values: it is looked up for each link of each pass, so by identity."""
    return Arrangement(shape, layout, size)


def _flat_layout(shape: LinkShape, batch: int, lanes: int) -> Layout:
    """Return the layout of a link into a map of few places: in pairs where that needs fewer vectors."""
    n_vectors = len(pairs_of(shape, batch, lanes))
    by_columns = shape.n_taps * math.ceil(math.prod(shape.target) * batch / lanes)
    if 0 < n_vectors <= min(max(1, by_columns // 2), n_vector_registers() // 4):
        return "pairs"
    fits = math.prod(shape.target) * batch <= lanes >= math.prod(shape.source) * batch
    return "vector" if fits and n_vectors else "columns"
