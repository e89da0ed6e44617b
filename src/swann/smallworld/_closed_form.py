import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError
from ._compiled import compiled
from ._expected_densities import ExpectedEdges, expected_edges
from ._rewire import Draw
from ._small_worldness import SmallWorldness

_NEGLIGIBLE = 1e-12
_LOWEST_EXPONENT = -36.0


def expected_small_worldness(
    sizes: Sequence[int],
    p: float,
    *,
    draw: Draw = "nodes",
    groups: Sequence[int] | None = None,
    granularity: int = 1,
) -> SmallWorldness:
    """Return C, L and S of a chain of layers rewired with probability p, without drawing a graph.

    A mean field over the layers: the density of edges between every two layers is known (`expected_densities`);
    C follows from the expected triangles of each layer's nodes, L from the probability that two nodes are at most
    1, 2, … apart, with paths as independent. The cost depends on the number of layers alone. It describes
    `repair=False`, and is the better the larger the layers are.

    With a granularity it is the same mean field over runs of channels: the densities are those of the graph of runs,
    triangles are counted with the channels of each run, paths by independent runs, and two channels of a run, which
    have the same neighbours, are two apart. The more runs a layer has the better it is; where neither of the numbers of
    groups on the two sides of a layer divides the other, the lengths of its runs are approximate.

    Args:
        sizes: the number of nodes of each layer, the input first.
        p: the rewiring probability.
        draw: how new ends are drawn, over nodes or over layers, then nodes.
        groups: the number of groups between each pair of neighbouring layers; all 1 by default.
        granularity: the number of neighbouring channels that move together.

    Returns:
        The expected figures, the references in closed form too; `standard_error` is 0.

    Raises:
        InvalidValueError: sizes, groups, p or a granularity that cannot be, or fewer than three edges, for which S is
            not defined.
        UnknownNameError: `draw` is neither `"nodes"` nor `"layers"`.

    >>> round(expected_small_worldness([3, *[64] * 5, *[128] * 4, *[256] * 4], 0.85).S, 2)
    1.25
    """
    edges = expected_edges(sizes, p, draw, groups, granularity)
    n_nodes = int(sum(sizes))
    n_edges = round(float(edges.n_nodes @ edges.out_degrees))
    clustering_random, path_length_random = _random_graph(n_nodes, n_edges)
    path_length, n_unreachable = _path_length(edges)
    clustering = float(edges.n_nodes @ _local_clustering(edges)) / n_nodes
    return SmallWorldness(clustering, path_length, clustering_random, path_length_random, round(n_unreachable))


def _local_clustering(edges: ExpectedEdges) -> NDArray[np.float64]:
    """Return the expected local clustering of each class's nodes.

    Two edges that leave the same node depend on each other (`pair_ratios`), edges that leave different nodes do not,
    so the expected number of triangles is a sum over triples of classes. Of a node's degree its inputs alone vary;
    the ratio of triangles and pairs is averaged over their normal distribution. Inputs come and go by whole runs.
    """
    n, densities = edges.n_nodes, edges.densities
    parts = edges.kept, edges.moved
    onward = [_product(part * n, densities) for part in parts]
    backward = [_product(part * n, densities.T.copy()) for part in parts]
    out_out = np.zeros_like(n)
    in_out = np.zeros_like(n)
    in_in = np.zeros_like(n)
    for first, second, ratio in ((0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 2)):
        ratios = edges.pair_ratios[ratio]
        out_out += ratios * ((onward[first] * parts[second]) @ n)
        weighted = parts[first] * (n * ratios)[:, None]
        in_out += (weighted * backward[second]).sum(axis=0)
        in_in += (weighted * onward[second]).sum(axis=0)
    mean = n @ densities
    in_squares = n * edges.run_lengths
    variance = in_squares @ (densities * (1 - densities))
    mean_pairs = np.maximum(mean**2 - in_squares @ densities**2, _NEGLIGIBLE)
    in_runs = in_squares @ densities / np.maximum(mean, _NEGLIGIBLE)
    points, weights = np.polynomial.hermite_e.hermegauss(5)
    result = np.zeros_like(n)
    for point, weight in zip(points, weights / weights.sum(), strict=True):
        inputs = np.maximum(mean + point * np.sqrt(variance), 0)
        degrees = edges.out_degrees + inputs
        n_triangles = out_out + in_out * inputs / np.maximum(mean, _NEGLIGIBLE)
        n_triangles += in_in * np.maximum(inputs * (inputs - in_runs), 0) / mean_pairs
        n_pairs = degrees * (degrees - 1) / 2
        result += weight * np.where(degrees >= 2, np.minimum(n_triangles / np.maximum(n_pairs, 1), 1), 0)
    return result


def _path_length(edges: ExpectedEdges) -> tuple[float, float]:
    """Return the expected path length over reachable pairs and the expected number of unreachable pairs."""
    n, lengths = edges.n_nodes, edges.run_lengths
    n_runs = edges.n_runs
    directed = edges.densities
    densities = directed + directed.T
    n_pairs = np.triu(np.outer(n, n), 1) + np.diag(n * (n - lengths) / 2)
    n_inside = float(n @ (lengths - 1)) / 2
    apart = 1 - densities
    sums = [float((n_pairs * (1 - apart)).sum())]
    apart = _apart_after_two(directed, densities, edges.kept, edges.moved, edges.pair_ratios, n_runs)
    sums.append(float((n_pairs * (1 - apart)).sum()) + n_inside)
    indptr = np.concatenate(([0], np.cumsum(np.count_nonzero(densities, axis=1))))
    columns = np.nonzero(densities)[1]
    while len(sums) <= n.sum():
        apart = _apart_after_next(densities, indptr, columns, apart, n_runs)
        sums.append(float((n_pairs * (1 - apart)).sum()) + n_inside)
        if sums[-1] - sums[-2] <= _NEGLIGIBLE * sums[-1]:
            break
    at_distance = np.diff(sums, prepend=0.0)
    path_length = float(at_distance @ np.arange(1, len(sums) + 1)) / sums[-1]
    return path_length, float(n_pairs.sum()) + n_inside - sums[-1]


def _random_graph(n_nodes: int, n_edges: int) -> tuple[float, float]:
    """Return the expected C and L of G(n, m), by the same mean field with one class of nodes."""
    n_pairs = n_nodes * (n_nodes - 1) / 2
    if n_edges < 3:
        raise InvalidValueError(f"S is not defined for {n_edges} edges: a triangle needs 3")
    density = n_edges / n_pairs
    lone = 0.0
    if density < 1:
        log_none = (n_nodes - 1) * math.log1p(-density)
        lone = math.exp(log_none) * (1 + (n_nodes - 1) * density / (1 - density))
    clustering = (n_edges - 2) / (n_pairs - 2) * (1 - lone) if n_pairs > 2 else 1.0
    reached = [density]
    while True:
        step = density**2 if len(reached) == 1 else density * reached[-1]
        missing = (1 - density) * (math.exp((n_nodes - 2) * math.log1p(-step)) if step < 1 else 0.0)
        reached.append(max(1 - missing, reached[-1]))
        if reached[-1] - reached[-2] <= _NEGLIGIBLE * reached[-1]:
            break
    return clustering, float(np.diff(reached, prepend=0.0) @ np.arange(1, len(reached) + 1)) / reached[-1]


@compiled
def _product(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix product; small products wait for each other's threads in BLAS, and zeros are skipped here."""
    result = np.zeros((left.shape[0], right.shape[1]))
    for i in range(left.shape[0]):
        for k in range(left.shape[1]):
            factor = left[i, k]
            if factor != 0:
                for j in range(right.shape[1]):
                    result[i, j] += factor * right[k, j]
    return result


@compiled
def _log_missing(probability: float) -> float:
    if probability < 1e-3:
        return -probability * (1 + probability * (0.5 + probability / 3))
    return math.log1p(-probability) if probability < 1 else -np.inf


@compiled
def _apart_after_two(
    directed: NDArray[np.float64],
    densities: NDArray[np.float64],
    kept: NDArray[np.float64],
    moved: NDArray[np.float64],
    ratios: NDArray[np.float64],
    n: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the probability that two nodes are more than two edges apart, by the classes of both."""
    n_classes = n.size
    result = 1 - densities
    for a in range(n_classes):
        for b in range(a, n_classes):
            exponent = 0.0
            for k in range(n_classes):
                if directed[k, a] > 0 and directed[k, b] > 0:
                    joint = ratios[0, k] * kept[k, a] * kept[k, b] + ratios[2, k] * moved[k, a] * moved[k, b]
                    joint += ratios[1, k] * (kept[k, a] * moved[k, b] + moved[k, a] * kept[k, b])
                else:
                    joint = densities[a, k] * densities[k, b]
                if joint > 0:
                    exponent += n[k] * _log_missing(joint)
                    if exponent < _LOWEST_EXPONENT:
                        break
            result[a, b] *= math.exp(exponent)
            result[b, a] = result[a, b]
    return result


@compiled
def _apart_after_next(
    densities: NDArray[np.float64],
    indptr: NDArray[np.int64],
    columns: NDArray[np.int64],
    apart: NDArray[np.float64],
    n: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the probability that two nodes are further apart than one more edge than in `apart`."""
    result = apart.copy()
    for a in range(n.size):
        for b in range(a, n.size):
            if apart[a, b] <= _NEGLIGIBLE:
                continue
            exponent = 0.0
            for position in range(indptr[a], indptr[a + 1]):
                k = columns[position]
                exponent += n[k] * _log_missing(densities[a, k] * (1 - apart[k, b]))
                if exponent < _LOWEST_EXPONENT:
                    break
            result[a, b] = min((1 - densities[a, b]) * math.exp(exponent), apart[a, b])
            result[b, a] = result[a, b]
    return result
