import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .._errors import FileFormatError, InvalidValueError
from ..graph import LayerGraph
from ._measurement import Measurement, measure
from ._random_graphs import check_n_edges, erdos_renyi, ring_lattice
from ._rewire import check_seed
from ._undirected_graph import UndirectedGraph, as_undirected


@dataclass(frozen=True)
class Reference:
    """C and L of random graphs with as many nodes and edges as a network.

    Args:
        n_nodes: the number of nodes.
        n_edges: the number of edges.
        clusterings: the clustering coefficient of each random graph.
        path_lengths: the characteristic path length of each, NaN without edges.
    """

    n_nodes: int
    n_edges: int
    clusterings: tuple[float, ...]
    path_lengths: tuple[float, ...]

    @property
    def clustering(self) -> float:
        """The mean C of the random graphs."""
        return float(np.mean(self.clusterings))

    @property
    def clustering_std(self) -> float:
        """The standard deviation of C between random graphs; 0 for a single one."""
        return _standard_deviation(self.clusterings)

    @property
    def path_length(self) -> float:
        """The mean L of the random graphs."""
        return float(np.mean(self.path_lengths))

    @property
    def path_length_std(self) -> float:
        """The standard deviation of L between random graphs; 0 for a single one."""
        return _standard_deviation(self.path_lengths)


@dataclass(frozen=True)
class SmallWorldness:
    """How small-world a graph is, against random graphs with as many nodes and edges.

    The paper's measure is S (Humphries and Gurney, 2008). ω and the small-world index need the ring lattice too and
    are None unless asked for.

    Args:
        clustering: the clustering coefficient C.
        path_length: the characteristic path length L over the pairs that a path joins.
        clustering_random: the mean C of the random graphs.
        path_length_random: the mean L of the random graphs.
        n_unreachable: the number of pairs of nodes of the graph that no path joins.
        standard_error: the standard error of S that comes from the random graphs; 0 for a single one.
        omega: ω = L_random / L - C / C_lattice (Telesford et al., 2011): near 0 for a small world, towards 1 for a
            random graph, towards -1 for a lattice.
        small_world_index: (L - L_lattice) / (L_random - L_lattice) · (C - C_random) / (C_lattice - C_random)
            (Neal, 2015): 1 for an ideal small world, 0 for a lattice or a random graph.
    """

    clustering: float
    path_length: float
    clustering_random: float
    path_length_random: float
    n_unreachable: int
    standard_error: float = 0.0
    omega: float | None = None
    small_world_index: float | None = None

    @property
    def gamma(self) -> float:
        """The relative clustering coefficient γ = C / C_random."""
        return self.clustering / self.clustering_random

    @property
    def lambda_(self) -> float:
        """The relative path length λ = L / L_random."""
        return self.path_length / self.path_length_random

    @property
    def S(self) -> float:
        """The small-worldness S = γ / λ (Eq. 2 of the paper)."""
        return self.gamma / self.lambda_

    def to_json(self) -> str:
        """Return the figures as JSON, with γ, λ and S for other readers."""
        return json.dumps(asdict(self) | {"gamma": self.gamma, "lambda": self.lambda_, "S": self.S})

    @classmethod
    def from_json(cls, text: str) -> "SmallWorldness":
        """Return the figures written by `to_json`.

        Raises:
            FileFormatError: the text is not JSON or lacks a figure.
        """
        try:
            values: dict[str, Any] = json.loads(text)
            for derived in ("gamma", "lambda", "S"):
                del values[derived]
            return cls(**values)
        except (ValueError, TypeError, KeyError) as error:
            raise FileFormatError(f"this is not a small-worldness written by to_json: {error}") from error

    def __repr__(self) -> str:
        return (
            f"SmallWorldness(S={self.S:.4g}±{self.standard_error:.1g}, "
            f"γ={self.clustering:.4g}/{self.clustering_random:.4g}={self.gamma:.4g}, "
            f"λ={self.path_length:.4g}/{self.path_length_random:.4g}={self.lambda_:.4g}, "
            f"n_unreachable={self.n_unreachable:,})"
        )


def reference(
    n_nodes: int,
    n_edges: int,
    *,
    samples: int = 5,
    seed: int = 0,
    threads: int | None = None,
    device: str | None = None,
) -> Reference:
    """Measure Erdős–Rényi graphs G(n, m) with the given numbers of nodes and edges.

    Args:
        n_nodes: the number of nodes, at least 2.
        n_edges: the number of edges, at most that of the pairs of nodes.
        samples: how many graphs to draw.
        seed: seeds the draws.
        threads: the number of threads; by default one for each core.
        device: where to compute by matrix products, as in `measure`; by default on the CPU by sets of bits.

    Raises:
        InvalidValueError: fewer than two nodes, edges, samples or a seed that cannot be.

    >>> reference(5, 10).path_lengths
    (1.0, 1.0, 1.0, 1.0, 1.0)
    """
    check_n_edges(n_nodes, n_edges)
    if samples < 1:
        raise InvalidValueError(f"at least 1 random graph is needed for a reference, got samples={samples}")
    check_seed(seed)
    generators = np.random.default_rng(seed).spawn(samples)
    graphs = (erdos_renyi(n_nodes, n_edges, generator) for generator in generators)
    figures = [measure(graph, threads=threads, device=device) for graph in graphs]
    return Reference(
        n_nodes,
        n_edges,
        tuple(figure.clustering for figure in figures),
        tuple(figure.path_length for figure in figures),
    )


def small_worldness(
    graph: LayerGraph | UndirectedGraph,
    *,
    references: Reference | None = None,
    samples: int = 5,
    seed: int = 0,
    lattice: bool = False,
    threads: int | None = None,
    device: str | None = None,
) -> SmallWorldness:
    """Return how small-world a graph is: S = (C / C_random) / (L / L_random) (Eq. 2; Humphries and Gurney, 2008).

    Args:
        graph: a network's graph, whose directions are ignored, or any undirected graph.
        references: the random graphs to compare with, from `reference`; drawn when None.
        samples: how many random graphs to draw.
        seed: seeds the draws.
        lattice: measure the ring lattice too, for ω and the small-world index.
        threads: the number of threads; by default one for each core.
        device: where to compute by matrix products, as in `measure`; by default on the CPU by sets of bits.

    Raises:
        InvalidValueError: S is not defined, because the graph or all random graphs have no edge or no triangle; or
            `references` has other numbers of nodes or edges.

    >>> small_worldness(ring_lattice(1000, 5000)).S > 3
    True
    """
    graph = as_undirected(graph)
    if references is None:
        references = reference(graph.n_nodes, graph.n_edges, samples=samples, seed=seed, threads=threads, device=device)
    if (references.n_nodes, references.n_edges) != (graph.n_nodes, graph.n_edges):
        raise InvalidValueError(
            f"the references have {references.n_nodes:,} nodes and {references.n_edges:,} edges, "
            f"the graph has {graph.n_nodes:,} and {graph.n_edges:,}; they must be equal"
        )
    if references.clustering == 0:
        raise InvalidValueError(
            f"random graphs of {graph.n_nodes:,} nodes and {graph.n_edges:,} edges have no triangle, "
            f"so S is not defined; draw more samples than {len(references.clusterings)} or use a graph with more edges"
        )
    figures = measure(graph, threads=threads, device=device)
    omega, index = None, None
    if lattice:
        ring = measure(ring_lattice(graph.n_nodes, graph.n_edges), threads=threads, device=device)
        omega, index = _against_lattice(figures, references, ring)
    return SmallWorldness(
        figures.clustering,
        figures.path_length,
        references.clustering,
        references.path_length,
        figures.n_unreachable,
        _standard_error(figures, references),
        omega,
        index,
    )


def _against_lattice(figures: Measurement, references: Reference, ring: Measurement) -> tuple[float, float | None]:
    """Return ω and the small-world index; the index is None where lattice and random graph do not differ."""
    if ring.clustering == 0:
        raise InvalidValueError(
            f"the ring lattice of {ring.n_nodes:,} nodes and {ring.n_edges:,} edges has no triangle, "
            "so ω is not defined; it needs two edges for each node"
        )
    omega = references.path_length / figures.path_length - figures.clustering / ring.clustering
    length_range = references.path_length - ring.path_length
    clustering_range = ring.clustering - references.clustering
    if length_range == 0 or clustering_range == 0:
        return omega, None
    index = (figures.path_length - ring.path_length) / length_range
    return omega, index * (figures.clustering - references.clustering) / clustering_range


def _standard_error(figures: Measurement, references: Reference) -> float:
    """Return the standard error of S to first order: that of the mean of C_random and L_random, drawn together."""
    relative = [
        length / references.path_length - clustering / references.clustering
        for length, clustering in zip(references.path_lengths, references.clusterings, strict=True)
    ]
    S = figures.clustering / references.clustering * references.path_length / figures.path_length
    return S * _standard_deviation(relative) / float(np.sqrt(len(relative)))


def _standard_deviation(values: tuple[float, ...] | list[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
