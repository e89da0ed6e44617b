"""Iterations to a target error against the rewiring probability (the SWANN paper's Fig. 6)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from rich.box import SIMPLE_HEAD
from rich.table import Table

from ..convert import convert
from ..data import ImageData
from ..train import Estimate, History, mean_estimate, ratio_estimate
from ._compare import BASELINE, Factory

_HEADER = ("p", "S", "iterations", "convergence rate", "reached")


@dataclass(frozen=True)
class SweepPoint:
    """How fast the networks of one p reach the target.

    Args:
        p: rewiring probability.
        S: small-worldness of its graphs, a mean.
        iterations: to the target error, over the seeds that reach it; None if none does.
        rate: the baseline's iterations over these, over the seeds in which both reach it (e_b / e_r in Fig. 6).
        reached: seeds that reach the target.
        n_seeds: seeds.
    """

    p: float
    S: float
    iterations: Estimate | None
    rate: Estimate | None
    reached: int
    n_seeds: int


def sweep_name(p: float) -> str:
    """Return the name of the networks of one p."""
    return f"p = {p:g}"


def sweep_networks(create: Factory, data: ImageData, probabilities: Sequence[float]) -> dict[str, Factory]:
    """Return the baseline as it comes, and the networks of each p in the paper's order of operations.

    Args:
        create: makes the baseline from a seed.
        data: whose images the networks read.
        probabilities: of rewiring.
    """
    example = torch.zeros(1, *data.input_shape)

    def rewired(p: float) -> Factory:
        return lambda seed: convert(create(seed), example, p, seed=seed)

    return {BASELINE: create} | {sweep_name(p): rewired(p) for p in probabilities}


def sweep_points(
    histories: Mapping[str, Sequence[History]], target: float, small_worldness: Mapping[float, float]
) -> tuple[SweepPoint, ...]:
    """Return what each p needs to a target.

    Args:
        histories: of the networks of `sweep_networks`, by name.
        target: test error, a fraction.
        small_worldness: S by p.
    """
    baseline = [_first_at(history, target) for history in histories[BASELINE]]
    points = []
    for p, S in small_worldness.items():
        own = [_first_at(history, target) for history in histories[sweep_name(p)]]
        found = [iterations for iterations in own if iterations]
        rates = [of_baseline / of_p for of_baseline, of_p in zip(baseline, own, strict=True) if of_baseline and of_p]
        points.append(SweepPoint(p, S, mean_estimate(found), ratio_estimate(rates), len(found), len(own)))
    return tuple(points)


def sweep_table(points: Sequence[SweepPoint], target: float) -> Table:
    """Return the points as a rich table; the ★ marks the largest S."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, caption="\n".join(_notes(target)), caption_justify="left")
    for name in _HEADER:
        table.add_column(name, justify="right")
    for cells in _rows(points):
        table.add_row(*cells)
    return table


def sweep_markdown(points: Sequence[SweepPoint], target: float) -> str:
    """Return the points as a Markdown table with its notes below."""
    lines = [_HEADER, ("---:",) * len(_HEADER), *_rows(points)]
    return "\n".join(
        [*(f"| {' | '.join(cells)} |" for cells in lines), "", *(f"- {note}" for note in _notes(target)), ""]
    )


def _rows(points: Sequence[SweepPoint]) -> list[tuple[str, ...]]:
    best = max(points, key=lambda point: point.S)
    return [
        (
            f"{point.p:g}",
            f"{point.S:.3f}{' ★' if point is best else ''}",
            _with_interval(point.iterations, ",.0f", "", "not reached"),
            _with_interval(point.rate, ".2f", "×", "–" if point.reached else "not reached"),
            f"{point.reached} of {point.n_seeds}",
        )
        for point in points
    ]


def _notes(target: float) -> list[str]:
    return [
        f"Iterations to the first evaluation with a test error of {target:.2%} or less; ★: the largest S.",
        "Convergence rate: the baseline's iterations over these, seed by seed, a geometric mean; –: in no seed "
        "does the baseline reach it too. Intervals are 95 %.",
    ]


def _with_interval(estimate: Estimate | None, form: str, unit: str, missing: str) -> str:
    if estimate is None:
        return missing
    text = f"{estimate.mean:{form}}{unit}"
    return text if estimate.low is None else f"{text} [{estimate.low:{form}}, {estimate.high:{form}}]"


def _first_at(history: History, target: float) -> int | None:
    return next((at.iteration for at in history.evaluations if at.test_error <= target), None)
