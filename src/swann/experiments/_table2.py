import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import numpy as np
import torch

from .._errors import FileFormatError, InvalidValueError
from ..graph import LayerGraph
from ..models import alexnet, convnet_c, mnist5, resnet18
from ..smallworld import Draw, Reference, expected_small_worldness, measure, reference, rewire, search
from ..trace import trace

_MOST_NODES_OF_SWEEP = 1_000
_MORE_SEEDS = 10
_MOST_EDGES_OF_SEVERAL_SEEDS = 10_000_000
_GRID = tuple(round(step / 50, 2) for step in range(51))
_FINE_GRID = tuple(round(step / 100, 2) for step in range(101))
_FLAT = 0.005
_GOOD_FIT = 0.05


@dataclass(frozen=True)
class Figures:
    """The small-world figures of rewired graphs at one rewiring probability.

    Args:
        p: the rewiring probability.
        gamma: γ, a mean over the seeds.
        lambda_: λ, a mean over the seeds.
        S: a mean over the seeds.
        S_std: the standard deviation of S between seeds; None for a single seed and for the paper's figures.
        n_seeds: the number of rewirings; 0 for the paper's figures, which do not say.
    """

    p: float
    gamma: float
    lambda_: float
    S: float
    S_std: float | None = None
    n_seeds: int = 0


PAPER: Mapping[str, Figures] = {
    "MNIST-5": Figures(0.45, 1.09, 0.99, 1.09),
    "ConvNet-C": Figures(0.85, 1.20, 1.01, 1.19),
    "AlexNet": Figures(0.80, 1.48, 1.00, 1.48),
    "ResNet-18": Figures(0.83, 1.06, 1.00, 1.06),
    "DenseNet-40": Figures(0.92, 1.20, 1.01, 1.19),
}
"""The rows of the paper's Table II."""

ALEXNET_GROUPS = (1, 2)
DENSE_BLOCKS = {"block 1": 24, "block 2": 168, "block 3": 312}
"""The channels that each dense block of DenseNet-40 reads; its 12 layers have 12 channels each."""


@dataclass(frozen=True)
class Case:
    """One way to see a network of the table as a graph.

    Args:
        network: its name in `PAPER`.
        variant: what the paper leaves open for this network, such as `"2 groups"`; or empty.
        linear: whether the linear layers belong to the graph; None where there are none to count.
        sizes: the number of nodes of each layer, the input first.
        groups: the number of groups between neighbouring layers.
    """

    network: str
    variant: str
    linear: bool | None
    sizes: tuple[int, ...]
    groups: tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """The figures of one graph and one way of drawing new ends, with nothing repaired.

    Args:
        case: the graph.
        draw: how new ends are drawn.
        n_nodes: the number of nodes.
        n_edges: the number of edges.
        at_paper: the figures at the paper's p.
        at_best: the figures at the p of the largest S.
        best_range: the least and the largest p whose S cannot be told from the largest: within two standard errors
            where p was swept with exact figures, within 0.005 where the closed form found the largest S.
        swept: whether p was swept with exact figures.
    """

    case: Case
    draw: Draw
    n_nodes: int
    n_edges: int
    at_paper: Figures
    at_best: Figures
    best_range: tuple[float, float]
    swept: bool


@dataclass(frozen=True)
class Reading:
    """One reading of the paper, the same for all networks, and how well it fits the table.

    Args:
        linear: whether linear layers belong to the graph.
        draw: how new ends are drawn.
        groups: of AlexNet.
        rows: one for each network of `PAPER`; of DenseNet-40 the block that comes nearest to the paper's S.
    """

    linear: bool
    draw: Draw
    groups: int
    rows: tuple[Row, ...]

    @property
    def S_error(self) -> float:
        """The mean distance of S at the paper's p from the paper's S."""
        return float(np.mean([abs(row.at_paper.S - PAPER[row.case.network].S) for row in self.rows]))

    @property
    def best_S_error(self) -> float:
        """The mean distance of the largest S from the paper's S."""
        return float(np.mean([abs(row.at_best.S - PAPER[row.case.network].S) for row in self.rows]))

    @property
    def p_error(self) -> float:
        """The mean distance of the p of the largest S from the paper's p."""
        return float(np.mean([abs(row.at_best.p - PAPER[row.case.network].p) for row in self.rows]))

    @property
    def distance(self) -> float:
        """`S_error` + `p_error`, by which readings are ranked."""
        return self.S_error + self.p_error

    @property
    def misfits(self) -> tuple[Row, ...]:
        """The rows whose S at the paper's p is further than 0.05 from the paper's S."""
        return tuple(row for row in self.rows if abs(row.at_paper.S - PAPER[row.case.network].S) > _GOOD_FIT)


@dataclass(frozen=True)
class Table2:
    """The paper's Table II, measured.

    Args:
        rows: all graphs and ways of drawing.
        seed: the first seed.
        n_seeds: the number of seeds; see `reproduce_table2`.
    """

    rows: tuple[Row, ...]
    seed: int
    n_seeds: int

    @property
    def readings(self) -> tuple[Reading, ...]:
        """All readings of the paper, the one that fits best first."""
        draws: tuple[Draw, ...] = ("nodes", "layers")
        found = [
            Reading(linear, draw, groups, tuple(self._row(network, linear, draw, groups) for network in PAPER))
            for linear, draw, groups in product((True, False), draws, ALEXNET_GROUPS)
        ]
        return tuple(sorted(found, key=lambda reading: reading.distance))

    def _row(self, network: str, linear: bool, draw: Draw, groups: int) -> Row:
        rows = [
            row
            for row in self.rows
            if row.case.network == network
            and row.draw == draw
            and row.case.linear in (linear, None)
            and (network != "AlexNet" or row.case.variant == _groups_name(groups))
        ]
        return min(rows, key=lambda row: abs(row.at_paper.S - PAPER[network].S))

    def to_json(self) -> str:
        """Return the rows and the readings as JSON."""
        readings = [
            {
                "linear": reading.linear,
                "draw": reading.draw,
                "alexnet_groups": reading.groups,
                "densenet": next(row.case.variant for row in reading.rows if row.case.network == "DenseNet-40"),
                "S_error": reading.S_error,
                "best_S_error": reading.best_S_error,
                "p_error": reading.p_error,
            }
            for reading in self.readings
        ]
        paper = {network: asdict(figures) for network, figures in PAPER.items()}
        return json.dumps(asdict(self) | {"paper": paper, "readings": readings}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Table2":
        """Return the table written by `to_json`.

        Raises:
            FileFormatError: the text is not JSON or not of this table.
        """
        try:
            values = json.loads(text)
            return cls(tuple(map(_row_from_json, values["rows"])), values["seed"], values["n_seeds"])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise FileFormatError(f"not a measured Table II: {type(error).__name__}: {error}") from error


def _row_from_json(values: dict[str, Any]) -> Row:
    case = values["case"] | {"sizes": tuple(values["case"]["sizes"]), "groups": tuple(values["case"]["groups"])}
    figures = {name: Figures(**values[name]) for name in ("at_paper", "at_best")}
    return Row(**values | figures | {"case": Case(**case), "best_range": tuple(values["best_range"])})


def table2_cases() -> tuple[Case, ...]:
    """Return the graphs of the table's networks, with and without their linear layers.

    Sizes and groups are those of the networks in `swann.models`; DenseNet-40's blocks follow from its definition.
    """
    networks = [
        ("MNIST-5", "", mnist5(), (1, 28, 28)),
        ("ConvNet-C", "", convnet_c(), (3, 32, 32)),
        *(("AlexNet", _groups_name(groups), alexnet(groups=groups), (3, 224, 224)) for groups in ALEXNET_GROUPS),
        ("ResNet-18", "", resnet18(), (3, 224, 224)),
    ]
    cases = []
    for network, variant, model, shape in networks:
        chain = trace(model, torch.zeros(1, *shape))
        groups = tuple(layer.groups for layer in chain.layers)
        n_convolutions = sum(layer.kind == "conv" for layer in chain.layers)
        cases.append(Case(network, variant, True, chain.sizes, groups))
        cases.append(Case(network, variant, False, chain.sizes[: n_convolutions + 1], groups[:n_convolutions]))
    for block, channels in DENSE_BLOCKS.items():
        cases.append(Case("DenseNet-40", block, None, (channels, *[12] * 12), (1,) * 12))
    return tuple(cases)


def reproduce_table2(
    *, n_seeds: int = 5, seed: int = 0, on_progress: Callable[[int, int, str], None] | None = None
) -> Table2:
    """Measure γ, λ and S of the paper's networks at the paper's p and at the p of the largest S (Table II).

    The p of the largest S is found by a sweep over every 0.02 of p for graphs of up to 1,000 nodes, for larger ones by
    the closed form over every 0.01. The figures there and at the paper's p are of rewired graphs in all cases.

    Args:
        n_seeds: rewirings at each p, with the seeds `seed`, `seed` + 1, …, and as many random graphs to compare with.
            Graphs of up to 1,000 nodes, which vary more, have ten times as many at the two p (and `n_seeds` in the
            sweep), graphs of more than 10 million edges one.
        seed: the first seed.
        on_progress: called before each row with the number of rows done, their total and the name of the next, and
            once at the end.

    Raises:
        InvalidValueError: fewer than one seed.
    """
    if n_seeds < 1:
        raise InvalidValueError(f"n_seeds must be at least 1, got {n_seeds}")
    rows = list(_measured(table2_cases(), n_seeds, seed, on_progress))
    return Table2(tuple(rows), seed, n_seeds)


def _measured(
    cases: tuple[Case, ...], n_seeds: int, seed: int, on_progress: Callable[[int, int, str], None] | None
) -> Iterator[Row]:
    total = 2 * len(cases)
    draws: tuple[Draw, ...] = ("nodes", "layers")
    for number, case in enumerate(cases):
        graph = LayerGraph.chain(case.sizes, case.groups)
        swept = graph.n_nodes <= _MOST_NODES_OF_SWEEP
        seeds = range(seed, seed + n_seeds)
        if swept:  # others than the sweep's, whose largest S is too large by chance
            seeds = range(seed + n_seeds, seed + (1 + _MORE_SEEDS) * n_seeds)
        elif graph.n_edges > _MOST_EDGES_OF_SEVERAL_SEEDS:
            seeds = range(seed, seed + 1)
        random = None
        for column, draw in enumerate(draws):
            if on_progress is not None:
                on_progress(2 * number + column, total, f"{case.network} {case.variant}".strip())
            random = random or reference(graph.n_nodes, graph.n_edges, samples=len(seeds), seed=seed)
            best_p, best_range = _sweep(graph, draw, n_seeds, seed) if swept else _closed_form(case, draw)
            figures = {p: _figures(graph, p, draw, seeds, random) for p in {PAPER[case.network].p, best_p}}
            at_paper, at_best = figures[PAPER[case.network].p], figures[best_p]
            yield Row(case, draw, graph.n_nodes, graph.n_edges, at_paper, at_best, best_range, swept)
    if on_progress is not None:
        on_progress(total, total, "")


def _sweep(graph: LayerGraph, draw: Draw, n_seeds: int, seed: int) -> tuple[float, tuple[float, float]]:
    """Return the p of the largest S, and the least and largest p that cannot be told from it."""
    result = search(graph, probabilities=_GRID, n_seeds=n_seeds, seed=seed, draw=draw, repair=False)
    return result.best_p, (min(result.indistinguishable), max(result.indistinguishable))


def _closed_form(case: Case, draw: Draw) -> tuple[float, tuple[float, float]]:
    """Return the p of the largest expected S, and the least and largest p whose S is as large within 0.005."""
    curve = np.array([expected_small_worldness(case.sizes, p, draw=draw, groups=case.groups).S for p in _FINE_GRID])
    flat = np.flatnonzero(curve >= curve.max() - _FLAT)
    return _FINE_GRID[int(np.argmax(curve))], (_FINE_GRID[flat[0]], _FINE_GRID[flat[-1]])


def _figures(graph: LayerGraph, p: float, draw: Draw, seeds: range, random: Reference) -> Figures:
    measured = [measure(rewire(graph, p, seed=seed, draw=draw, repair=False).graph) for seed in seeds]
    gamma = np.array([each.clustering for each in measured]) / random.clustering
    lambda_ = np.array([each.path_length for each in measured]) / random.path_length
    S = gamma / lambda_
    spread = float(S.std(ddof=1)) if len(S) > 1 else None
    return Figures(p, float(gamma.mean()), float(lambda_.mean()), float(S.mean()), spread, len(S))


def _groups_name(groups: int) -> str:
    return f"{groups} group{'s' if groups > 1 else ''}"
