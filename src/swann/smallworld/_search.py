import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import FileFormatError, InvalidValueError
from ..graph import LayerGraph
from ._measurement import Measurement, measure
from ._rewire import Draw, check_probability, rewire
from ._small_worldness import Reference, reference

GRID = tuple(round(step / 20, 2) for step in range(21))
"""The rewiring probabilities that `search` tries by default: 0, 0.05, … 1."""


@dataclass(frozen=True)
class SearchResult:
    """The small-worldness of a network against the rewiring probability (the SWANN paper's Fig. 5).

    Args:
        probabilities: the rewiring probabilities p that were tried, rising.
        seeds: the seeds of the rewirings.
        clustering: C of each rewired graph, one row for each p and one column for each seed.
        path_length: L of each, in the same shape.
        n_unreachable: pairs of nodes that no path joins, in the same shape; they are left out of L.
        reference: C and L of Erdős–Rényi graphs with as many nodes and edges.
        draw: how the new ends were drawn.
        repair: whether dead nodes were repaired.
    """

    probabilities: tuple[float, ...]
    seeds: tuple[int, ...]
    clustering: tuple[tuple[float, ...], ...]
    path_length: tuple[tuple[float, ...], ...]
    n_unreachable: tuple[tuple[int, ...], ...]
    reference: Reference
    draw: Draw
    repair: bool

    @property
    def gamma(self) -> NDArray[np.float64]:
        """γ = C / C_rand of each graph, of shape `[probabilities, seeds]`."""
        return np.array(self.clustering) / self.reference.clustering

    @property
    def lambda_(self) -> NDArray[np.float64]:
        """λ = L / L_rand of each graph, of shape `[probabilities, seeds]`."""
        return np.array(self.path_length) / self.reference.path_length

    @property
    def S(self) -> NDArray[np.float64]:
        """S = γ / λ of each graph, of shape `[probabilities, seeds]` (Eq. 2)."""
        return self.gamma / self.lambda_

    @property
    def best_p(self) -> float:
        """The p of the largest mean S."""
        return self.probabilities[self._best]

    @property
    def best_S(self) -> float:
        """The largest mean S."""
        return float(self.S[self._best].mean())

    @property
    def indistinguishable(self) -> tuple[float, ...]:
        """All p, the best one among them, whose mean S is within two standard errors of the difference of the best.

        The spread over seeds is pooled over all p, for a few seeds at one p say little about it.
        """
        mean = self.S.mean(axis=1)
        n_seeds = len(self.seeds)
        if n_seeds < 2:
            return (self.best_p,)
        error = math.sqrt(2 * self.S.var(axis=1, ddof=1).mean() / n_seeds)
        return tuple(p for p, value in zip(self.probabilities, mean, strict=True) if mean.max() - value <= 2 * error)

    @property
    def _best(self) -> int:
        return int(np.argmax(self.S.mean(axis=1)))

    def to_json(self) -> str:
        """Return the whole curve as JSON."""
        return json.dumps(asdict(self) | {"best_p": self.best_p, "best_S": self.best_S}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "SearchResult":
        """Return the result written by `to_json`.

        Raises:
            FileFormatError: the text is not JSON or not of a search.
        """
        try:
            values = json.loads(text)
            curves = {name: tuple(map(tuple, values[name])) for name in ("clustering", "path_length", "n_unreachable")}
            return cls(
                probabilities=tuple(values["probabilities"]),
                seeds=tuple(values["seeds"]),
                **curves,
                reference=_reference_from_json(values["reference"]),
                draw=values["draw"],
                repair=values["repair"],
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise FileFormatError(f"not a search result: {type(error).__name__}: {error}") from error

    def to_csv(self) -> str:
        """Return one line for each p and seed."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("p", "seed", "C", "L", "gamma", "lambda", "S", "unreachable_pairs"))
        gamma, lambda_, small_worldness = self.gamma, self.lambda_, self.S
        for row, p in enumerate(self.probabilities):
            for column, seed in enumerate(self.seeds):
                at = (row, column)
                figures: list[Any] = [self.clustering[row][column], self.path_length[row][column]]
                figures += [gamma[at], lambda_[at], small_worldness[at], self.n_unreachable[row][column]]
                writer.writerow((p, seed, *figures))
        return file.getvalue()


def _reference_from_json(values: Mapping[str, Any]) -> Reference:
    clusterings, path_lengths = tuple(values["clusterings"]), tuple(values["path_lengths"])
    return Reference(values["n_nodes"], values["n_edges"], clusterings, path_lengths)


def search(
    graph: LayerGraph,
    *,
    probabilities: Sequence[float] = GRID,
    n_seeds: int = 5,
    n_references: int = 5,
    seed: int = 0,
    draw: Draw = "nodes",
    repair: bool = True,
    on_progress: Callable[[int, int], None] | None = None,
) -> SearchResult:
    """Rewire a graph with a range of probabilities and measure how small-world it becomes (SWANN paper, III-B2).

    Args:
        graph: the graph of a network; usually a chain.
        probabilities: the rewiring probabilities to try.
        n_seeds: rewirings for each probability, with the seeds `seed`, `seed` + 1, …
        n_references: Erdős–Rényi graphs that C and L are compared with.
        seed: the first seed.
        draw: how the new end of an edge is drawn, over all free `"nodes"` or over `"layers"` first.
        repair: give every node that lost all its inputs one back.
        on_progress: called after each graph with the number of graphs done and their total.

    Returns:
        The whole curve; its `best_p` has the largest mean S.

    Raises:
        InvalidValueError: a probability outside [0, 1], none or one of them twice, or fewer than one seed; or a
            graph with so few edges that S is not defined.

    >>> search(LayerGraph.chain([3, 8, 8, 8, 8, 8]), probabilities=(0, 0.8), n_seeds=3).best_p
    0.8
    """
    for p in probabilities:
        check_probability(p)
    grid = tuple(sorted(map(float, probabilities)))
    if not grid or len(set(grid)) < len(grid):
        raise InvalidValueError(f"probabilities must be at least one number, none of them twice, got {probabilities}")
    if n_seeds < 1:
        raise InvalidValueError(f"n_seeds must be at least 1, got {n_seeds}")
    seeds = tuple(range(seed, seed + n_seeds))
    random = reference(graph.n_nodes, graph.n_edges, samples=n_references, seed=seed)
    if random.clustering == 0:
        raise InvalidValueError(
            f"random graphs of {graph.n_nodes:,} nodes and {graph.n_edges:,} edges have no triangle, so S is not "
            "defined and no p can be found by it; choose p yourself"
        )
    measured: list[list[Measurement]] = []
    for p in grid:
        row = []
        for each in seeds:
            row.append(measure(rewire(graph, p, seed=each, draw=draw, repair=repair).graph))
            if on_progress is not None:
                on_progress(len(measured) * n_seeds + len(row), len(grid) * n_seeds)
        measured.append(row)
    return SearchResult(
        grid,
        seeds,
        tuple(tuple(each.clustering for each in row) for row in measured),
        tuple(tuple(each.path_length for each in row) for row in measured),
        tuple(tuple(each.n_unreachable for each in row) for row in measured),
        random,
        draw,
        repair,
    )
