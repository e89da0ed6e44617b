import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError, UnknownNameError, near_matches
from ..graph import check_sizes
from ._compiled import compiled
from ._rewire import Draw, check_probability
from ._runs import check_granularity

_MOST_CLASSES = 1024
_NEGLIGIBLE = 1e-100


@dataclass(frozen=True, eq=False)
class ExpectedEdges:
    """The probability of every edge of a rewired chain, by classes of nodes that are alike.

    A class is a layer, or the part of a layer that is in the same group of its inputs and of its outputs. Where runs
    of channels are rewired together, it is the runs of one length of such a part.

    Args:
        n_nodes: the number of nodes of each class, of shape `[n_classes]`.
        run_lengths: the number of nodes of each class's runs, which have all their edges in common; 1 for single nodes.
        layers: the layer of each class.
        out_degrees: the number of edges that leave each node of a class; the rewiring does not change it.
        kept: the probability of an edge between two nodes that joins neighbouring layers, `[n_classes, n_classes]`,
            rows the edges' starts.
        moved: the same for edges that were moved.
        pair_ratios: for two edges that leave the same node the probability that both exist, over the product of the
            two probabilities, for both kept, one kept and one moved, both moved; of shape `[3, n_classes]`. With runs,
            for two blocks that end at runs of the length that is most common in the next layer.
    """

    n_nodes: NDArray[np.float64]
    run_lengths: NDArray[np.float64]
    layers: NDArray[np.int64]
    out_degrees: NDArray[np.float64]
    kept: NDArray[np.float64]
    moved: NDArray[np.float64]
    pair_ratios: NDArray[np.float64]

    @property
    def n_runs(self) -> NDArray[np.float64]:
        """The number of runs of each class."""
        return self.n_nodes / self.run_lengths

    @property
    def densities(self) -> NDArray[np.float64]:
        """The probability of an edge between two nodes, `[n_classes, n_classes]`, rows the edges' starts."""
        return self.kept + self.moved


def expected_densities(
    sizes: Sequence[int], p: float, *, draw: Draw = "nodes", groups: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """Return the expected share of existing edges of each pair of layers after rewiring, without drawing a graph.

    It is what `rewire(LayerGraph.chain(sizes, groups), p, draw=draw, repair=False).graph.densities()` is on average,
    exactly for `draw="nodes"`. For `"layers"` it is approximate where a layer is just about to become full: within
    0.04 for layers of ten nodes, and closer the larger they are.

    Args:
        sizes: the number of nodes of each layer, the input first.
        p: the rewiring probability.
        draw: how new ends are drawn, over nodes or over layers, then nodes.
        groups: the number of groups between each pair of neighbouring layers; all 1 by default.

    Returns:
        An array of shape `[n_layers, n_layers]`, rows the edges' starts.

    Raises:
        InvalidValueError: sizes, groups or p that cannot be.
        UnknownNameError: `draw` is neither `"nodes"` nor `"layers"`.

    >>> expected_densities([2, 4, 3, 5], 0.5)
    array([[0.  , 0.5 , 0.25, 0.25],
           [0.  , 0.  , 0.5 , 0.3 ],
           [0.  , 0.  , 0.  , 1.  ],
           [0.  , 0.  , 0.  , 0.  ]])
    """
    sizes, groups = check_chain(sizes, p, draw, groups)
    kept, moved, _ = _moments(sizes, p, draw, groups)
    neighbours = np.arange(len(sizes) - 1)
    moved[neighbours, neighbours + 1] = kept / np.array(groups)
    return moved


def expected_edges(
    sizes: Sequence[int], p: float, draw: Draw, groups: Sequence[int] | None, granularity: int = 1
) -> ExpectedEdges:
    """Return the probability of every edge of a rewired chain by classes of nodes.

    Layers are split into classes by their groups as long as there are not too many; else a layer is one class and
    its groups enter by their density alone.
    """
    sizes, groups = check_chain(sizes, p, draw, groups)
    check_granularity(granularity)
    inner = [math.lcm(*pair) for pair in zip((1, *groups), (*groups, 1), strict=True)]
    split = sum(inner) <= _MOST_CLASSES
    n_parts = inner if split else [1] * len(sizes)
    classes = [
        (layer, part, length, n_runs if split else n_runs * count)
        for layer, (size, count) in enumerate(zip(sizes, inner, strict=True))
        for part in range(n_parts[layer])
        for length, n_runs in _runs(size // count, granularity)
    ]
    layers, parts, lengths, n_runs = np.array(classes).T
    kept, moved = np.zeros((2, len(classes), len(classes)))
    ratios = np.ones((3, len(classes)))
    most = np.zeros(len(sizes))
    for length in np.unique(lengths):
        of_length = lengths == length
        counts = np.bincount(layers[of_length], n_runs[of_length], len(sizes)).astype(np.int64)
        kept_share, density, ratio = _moments(tuple(counts.tolist()), p, draw, groups)
        moved[:, of_length] = density[np.ix_(layers, layers[of_length])]
        for layer, n_groups in enumerate(groups):
            sources, targets = np.flatnonzero(layers == layer), np.flatnonzero(of_length & (layers == layer + 1))
            if split:
                source_group = parts[sources] * n_groups // n_parts[layer]
                target_group = parts[targets] * n_groups // n_parts[layer + 1]
                joined = (source_group[:, None] == target_group).astype(np.float64)
            else:
                joined = np.full((1, 1), 1 / n_groups)
            kept[np.ix_(sources, targets)] = kept_share[layer] * joined
            if length * counts[layer + 1] > most[layer]:
                most[layer] = length * counts[layer + 1]
                ratios[:, sources] = ratio[:, layer, None]
    out_degrees = np.array([*(size // count for size, count in zip(sizes[1:], groups, strict=True)), 0.0])
    n_nodes = (n_runs * lengths).astype(np.float64)
    return ExpectedEdges(n_nodes, lengths.astype(np.float64), layers, out_degrees[layers], kept, moved, ratios)


def check_chain(
    sizes: Sequence[int], p: float, draw: Draw, groups: Sequence[int] | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return sizes and groups as tuples of whole numbers; raise unless a chain can have them and be rewired so."""
    check_sizes(sizes)
    check_probability(p)
    if draw not in ("nodes", "layers"):
        raise UnknownNameError(f"unknown draw {draw!r}: {near_matches(str(draw), ('nodes', 'layers'))}")
    sizes = tuple(int(size) for size in sizes)
    groups = (1,) * (len(sizes) - 1) if groups is None else tuple(groups)
    if len(groups) != len(sizes) - 1:
        raise InvalidValueError(f"{len(sizes)} layers need {len(sizes) - 1} numbers of groups, got {len(groups)}")
    for layer, count in enumerate(groups):
        if count < 1 or sizes[layer] % count or sizes[layer + 1] % count:
            raise InvalidValueError(
                f"{count} groups between layers {layer} and {layer + 1} "
                f"do not divide {sizes[layer]} and {sizes[layer + 1]} nodes"
            )
    return sizes, groups


def _runs(n_nodes: int, granularity: int) -> list[tuple[int, int]]:
    """Return the lengths of the runs of neighbouring nodes, and how many there are of each."""
    n_runs, rest = divmod(n_nodes, granularity)
    return [(granularity, n_runs)] * (n_runs > 0) + [(rest, 1)] * (rest > 0)


def _moments(
    sizes: tuple[int, ...], p: float, draw: Draw, groups: tuple[int, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return by layer the share of edges kept, the densities of moved edges, and the ratios of `ExpectedEdges`."""
    n_layers = len(sizes)
    kept = np.ones(n_layers - 1)
    moved = np.zeros((n_layers, n_layers))
    ratios = np.ones((3, n_layers))
    for layer in range(n_layers - 1):
        degree = sizes[layer + 1] // groups[layer]
        if degree == 0:
            continue
        later = np.array(sizes[layer + 2 :], dtype=np.float64)
        capacity = int(later.sum())
        n_moved, n_moved_pairs, variance = _moved_moments(degree, p if capacity else 0.0, capacity)
        n_kept = degree - n_moved
        kept[layer] = n_kept / degree
        n_kept_pairs = degree * (degree - 1) - 2 * (degree - 1) * n_moved + n_moved_pairs
        n_mixed_pairs = (degree - 1) * n_moved - n_moved_pairs
        if degree > 1 and n_kept > 0:
            ratios[0, layer] = n_kept_pairs / (degree * (degree - 1)) / kept[layer] ** 2
        if n_kept > 0 and n_moved > _NEGLIGIBLE:
            ratios[1, layer] = n_mixed_pairs / (n_kept * n_moved)
        if n_moved > _NEGLIGIBLE:
            share = n_moved / capacity
            if draw == "nodes":
                moved[layer, layer + 2 :] = share * (later > 0)
                ratios[2, layer] = n_moved_pairs / max(capacity * (capacity - 1), 1) / share**2
            else:
                there = layer + 2 + np.flatnonzero(later)
                moved[layer, there] = _fill_layers(later[later > 0], n_moved, variance) / later[later > 0]
                ratios[2, layer] = n_moved_pairs / n_moved**2
    return kept, moved, ratios


def _moved_moments(degree: int, p: float, capacity: int) -> tuple[float, float, float]:
    """Return E[M], E[M(M - 1)] and the variance of M = min(K, capacity), where K is binomial (degree, p)."""
    if p in (0, 1) or degree <= capacity:
        n = float(degree if p < 1 else min(degree, capacity))
        return n * p, n * (n - 1) * p**2, n * p * (1 - p)
    steps = np.arange(degree, dtype=np.float64)
    log_ratios = np.log((degree - steps) / (steps + 1)) + (math.log(p) - math.log1p(-p))
    log_weights = np.concatenate(([0.0], np.cumsum(log_ratios)))
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    n_moved = np.minimum(np.arange(degree + 1), capacity)
    mean = float(weights @ n_moved)
    return mean, float(weights @ (n_moved * (n_moved - 1.0))), float(weights @ (n_moved - mean) ** 2)


@compiled
def _fill_layers(sizes: NDArray[np.float64], n_moved: float, variance: float) -> NDArray[np.float64]:
    """Return how many of `n_moved` edges end in each layer when each draws one of the layers with a free node.

    Layers that fill at the same rate until they are full, as independent clocks, in a common time which is found by
    bisection; the fill at a time is normal, cut off at the layer's size.
    """
    n_layers = sizes.size
    fill = sizes.copy()
    if n_moved >= sizes.sum() * (1 - 1e-12):
        return fill
    low = 0.0
    high = 2.0 * n_moved + sizes.sum() * 8.0 + 100.0
    for _ in range(60):
        time = 0.5 * (low + high)
        spread = math.sqrt(time * (1 - 1 / n_layers) + variance / n_layers**2)
        for layer in range(n_layers):
            if spread > 0:
                z = (sizes[layer] - time) / spread
                below = 0.5 * math.erfc(-z / math.sqrt(2.0))
                density = math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
                value = time * below + sizes[layer] * (1 - below) - spread * density
            else:
                value = min(time, sizes[layer])
            fill[layer] = min(max(value, 0.0), sizes[layer])
        if fill.sum() < n_moved:
            low = time
        else:
            high = time
    fill *= n_moved / fill.sum()
    return fill
