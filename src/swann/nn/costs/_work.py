import math
from dataclasses import dataclass

from ..kernels import BLOCK, SMALL_BATCH, LinkShape, arrangements, n_places_in_rows, pairs_of, row_lanes

_ACCUMULATORS = 16
"""Vectors of sums that a tile of the sparse kernels holds, about."""


@dataclass(frozen=True)
class SparseWork:
    """What the sparse kernels do for one link in a forward pass.

    Args:
        links: 1; each link has some fixed work.
        tiles: begun and ended, for each edge.
        products: of a weight with a vector of samples or places, and its addition.
        reads: of vectors of the source map.
        results: elements of the result that are loaded and stored.
        gathered: elements of the source that are laid out anew, where the batch is small and nothing trains.
    """

    links: int
    tiles: float
    products: float
    reads: float
    results: float
    gathered: float


@dataclass(frozen=True)
class DenseWork:
    """What a dense product does for one link in a forward pass.

    Args:
        links: 1; each link has some fixed work.
        products: multiplications of numbers.
        weights: of the dense weight, which are read.
        elements: of source and result.
        cleared: weights that are set to zero before those that exist are written.
        scattered: weights that are written into the dense weight.
    """

    links: int
    products: float
    weights: float
    elements: float
    cleared: float
    scattered: float


def sparse_work(
    shape: LinkShape,
    n_edges: int,
    n_sources: int,
    n_targets: int,
    batch: int,
    *,
    trains: bool = True,
    lanes: int = 16,
) -> SparseWork:
    """Return what the sparse kernels do for a link.

    Args:
        shape: the link's shape.
        n_edges: existing edges.
        n_sources: nodes that the link starts from.
        n_targets: nodes that it ends at.
        batch: samples.
        trains: whether a backward pass follows: then a small batch's maps stand in blocks too.
        lanes: numbers in one of the processor's vectors.

    >>> one = LinkShape((1,), (1,), (1,), (1,), (0,), (1,))
    >>> sparse_work(one, n_edges=10, n_sources=4, n_targets=5, batch=32)
    SparseWork(links=1, tiles=20, products=20, reads=20, results=160, gathered=0)
    """
    n_places = math.prod(shape.target)
    results = n_targets * n_places * batch
    if batch < SMALL_BATCH and not trains:
        return _small_work(shape, n_edges, n_sources, n_targets, batch, lanes)
    block = BLOCK if batch % BLOCK == 0 else batch
    vectors = math.ceil(block / lanes)
    met, read = 1, 1
    n_tiles = math.ceil(n_places * vectors / _ACCUMULATORS)
    width = max(1, round((_ACCUMULATORS / min(vectors, _ACCUMULATORS)) ** (1 / max(1, len(shape.target)))))
    for axis in range(len(shape.target)):
        pairs = _n_pairs(shape, axis)
        size, stride = shape.target[axis], shape.stride[axis]
        side = min(width, size)
        extent = (side - 1) * stride + shape.dilation[axis] * (shape.kernel[axis] - 1) + 1
        met *= pairs
        read *= min(pairs, math.ceil(size / side) * min(extent, shape.source[axis]))
    steps = n_edges * (batch // block)
    return SparseWork(1, steps * n_tiles, steps * met * vectors, steps * read * vectors, results, 0)


def _small_work(shape: LinkShape, n_edges: int, n_sources: int, n_targets: int, batch: int, lanes: int) -> SparseWork:
    """Return the work of a link at a small batch without gradients; see `swann.nn.kernels.Arrangement`."""
    (arrangement,) = arrangements((shape,), batch, lanes)
    n_places = math.prod(shape.target) * batch
    gathered = n_sources * arrangement.length(batch, lanes)
    tiles = 1.0
    if arrangement.layout == "pairs":
        products = reads = float(len(pairs_of(shape, batch, lanes)))
    elif arrangement.layout == "vector":
        products, reads = shape.n_taps, 1.0
    elif arrangement.layout == "columns":
        vectors = math.ceil(n_places / lanes)
        tiles, products = math.ceil(vectors / 8), shape.n_taps * vectors
        reads = products
    else:
        in_rows = n_places_in_rows(shape.target, arrangement.size)
        n_elements = in_rows * batch
        tiles = math.ceil(n_elements / row_lanes(in_rows, arrangement.size[-1], batch, lanes) / 8)
        products = shape.n_taps * n_elements / lanes
        reads = products / math.prod(shape.kernel[:-1])
    return SparseWork(1, n_edges * tiles, n_edges * products, n_edges * reads, n_targets * n_places, gathered)


def dense_work(shape: LinkShape, n_edges: int, n_sources: int, n_targets: int, batch: int) -> DenseWork:
    """Return what a dense product does for a link; the arguments are as for `sparse_work`.

    >>> one = LinkShape((1,), (1,), (1,), (1,), (0,), (1,))
    >>> dense_work(one, n_edges=10, n_sources=4, n_targets=5, batch=32)
    DenseWork(links=1, products=640, weights=20, elements=288, cleared=20, scattered=10)
    """
    weights = n_targets * n_sources * shape.n_taps
    n_places = math.prod(shape.target)
    elements = batch * (n_sources * math.prod(shape.source) + n_targets * n_places)
    is_full = n_edges == n_targets * n_sources
    cleared, scattered = (0, 0) if is_full else (weights, n_edges * shape.n_taps)
    return DenseWork(1, weights * n_places * batch, weights, elements, cleared, scattered)


def _n_pairs(shape: LinkShape, axis: int) -> int:
    """Return how many pairs of a tap and a place of the result meet the source along one axis."""
    source, target, stride = shape.source[axis], shape.target[axis], shape.stride[axis]
    first = [tap * shape.dilation[axis] - shape.before[axis] for tap in range(shape.kernel[axis])]
    return sum(
        max(0, min(target, -(-(source - start) // stride)) - max(0, -(start // stride)))
        for start in first
        if start < source
    )
