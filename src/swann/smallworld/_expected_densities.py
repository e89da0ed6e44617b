import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError, UnknownNameError, near_matches
from ..graph import check_sizes
from ._compiled import compiled
from ._rewire import Draw, check_probability

_MOST_CLASSES = 1024
_NEGLIGIBLE = 1e-100


@dataclass(frozen=True, eq=False)
class ExpectedEdges:
    """The probability of every edge of a rewired chain, by classes of nodes that are alike.

    A class is a layer, or the part of a layer that is in the same group of its inputs and of its outputs.

    Args:
        n_nodes: the number of nodes of each class, of shape `[n_classes]`.
        layers: the layer of each class.
        out_degrees: the number of edges that leave each node of a class; the rewiring does not change it.
        kept: the probability of an edge between two nodes that joins neighbouring layers, `[n_classes, n_classes]`,
            rows the edges' starts.
        moved: the same for edges that were moved.
        pair_ratios: for two edges that leave the same node the probability that both exist, over the product of the
            two probabilities, for both kept, one kept and one moved, both moved; of shape `[3, n_classes]`.
    """

    n_nodes: NDArray[np.float64]
    layers: NDArray[np.int64]
    out_degrees: NDArray[np.float64]
    kept: NDArray[np.float64]
    moved: NDArray[np.float64]
    pair_ratios: NDArray[np.float64]

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


def expected_edges(sizes: Sequence[int], p: float, draw: Draw, groups: Sequence[int] | None) -> ExpectedEdges:
    """Return the probability of every edge of a rewired chain by classes of nodes.

    Layers are split into classes by their groups as long as there are not too many; else a layer is one class and
    its groups enter by their density alone.
    """
    sizes, groups = check_chain(sizes, p, draw, groups)
    kept, moved, ratios = _moments(sizes, p, draw, groups)
    inner = [math.lcm(*pair) for pair in zip((1, *groups), (*groups, 1), strict=True)]
    split = sum(inner) <= _MOST_CLASSES
    n_classes = inner if split else [1] * len(sizes)
    layers = np.repeat(np.arange(len(sizes)), n_classes)
    places = np.concatenate([np.arange(count) for count in n_classes])
    expanded_moved = moved[np.ix_(layers, layers)]
    expanded_kept = np.zeros_like(expanded_moved)
    for layer, n_groups in enumerate(groups):
        sources, targets = np.flatnonzero(layers == layer), np.flatnonzero(layers == layer + 1)
        if split:
            source_group = places[sources] * n_groups // n_classes[layer]
            target_group = places[targets] * n_groups // n_classes[layer + 1]
            joined = (source_group[:, None] == target_group).astype(np.float64)
        else:
            joined = np.full((1, 1), 1 / n_groups)
        expanded_kept[np.ix_(sources, targets)] = kept[layer] * joined
    out_degrees = np.array([*(size // count for size, count in zip(sizes[1:], groups, strict=True)), 0.0])
    n_nodes = np.array(sizes, dtype=np.float64) / n_classes
    return ExpectedEdges(n_nodes[layers], layers, out_degrees[layers], expanded_kept, expanded_moved, ratios[:, layers])


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
                moved[layer, layer + 2 :] = share
                ratios[2, layer] = n_moved_pairs / max(capacity * (capacity - 1), 1) / share**2
            else:
                moved[layer, layer + 2 :] = _fill_layers(later, n_moved, variance) / later
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
