import csv
import io
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import FileFormatError
from ._rewire import Draw
from ._small_worldness import Reference


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
        expected: pairs of p and the S that the closed form expects there without repair, over the whole range;
            empty where it does not apply.
        granularity: the number of neighbouring channels that moved together.
    """

    probabilities: tuple[float, ...]
    seeds: tuple[int, ...]
    clustering: tuple[tuple[float, ...], ...]
    path_length: tuple[tuple[float, ...], ...]
    n_unreachable: tuple[tuple[int, ...], ...]
    reference: Reference
    draw: Draw
    repair: bool
    expected: tuple[tuple[float, float], ...] = ()
    granularity: int = 1

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
                expected=tuple(map(tuple, values["expected"])),
                granularity=values.get("granularity", 1),
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
