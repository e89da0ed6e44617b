"""How much sooner one network reaches an error than another (the paper's Table III), over several seeds."""

import csv
import io
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .._errors import FileFormatError, InvalidValueError, UnknownNameError, near_matches
from ._check import check_choice
from ._history import Evaluation, History
from ._statistics import Estimate, mean_estimate, ratio_estimate

_FRACTIONS = (0.1, 0.25, 0.5, 0.75, 1.0)
_OVER_SEEDS = ("mean", "worst")

CROSSING_RULE = (
    "A run reaches an error at its first evaluation with that test error or less. Curves are not smoothed. "
    "Seconds are wall-clock of training steps, without evaluations. Means are over the seeds that reached the error; "
    "a speed-up is the geometric mean of baseline / variant, seed by seed, over the seeds in which both did. "
    "Intervals are 95 % (t distribution)."
)


@dataclass(frozen=True)
class Crossing:
    """When the runs of one variant first reached an error; an entry for each seed, None where it was not reached.

    Args:
        iterations: at the crossing.
        seconds: of training at the crossing.
        mean_iterations: over the seeds that reached it; None if none did.
        mean_seconds: the same for the seconds.
        speed_up: in iterations, against the baseline; None for the baseline itself or without a common seed.
        speed_up_seconds: in seconds.
    """

    iterations: tuple[int | None, ...]
    seconds: tuple[float | None, ...]
    mean_iterations: Estimate | None
    mean_seconds: Estimate | None
    speed_up: Estimate | None
    speed_up_seconds: Estimate | None

    @property
    def reached(self) -> int:
        """Seeds that reached the error."""
        return sum(found is not None for found in self.iterations)


@dataclass(frozen=True)
class Point:
    """An error that the baseline reaches on its way.

    Args:
        error: test error, a fraction.
        fraction: of the baseline's run after which it is reached; 1 for the baseline's final accuracy (★).
        crossings: by variant.
    """

    error: float
    fraction: float
    crossings: Mapping[str, Crossing]

    @property
    def is_final(self) -> bool:
        """Whether this is the baseline's final accuracy."""
        return self.fraction == 1.0


@dataclass(frozen=True)
class Comparison:
    """The histories of several variants and the points at which they are compared; made by `compare`.

    Args:
        baseline: the variant that the others are compared with.
        histories: by variant, one for each seed.
        points: errors fall; the last is the baseline's final accuracy.
        over_seeds: 'mean' or 'worst': how the baseline's errors of several seeds give one point.
        rule: how a crossing, a mean and a speed-up are found.
    """

    baseline: str
    histories: Mapping[str, tuple[History, ...]]
    points: tuple[Point, ...]
    over_seeds: str
    rule: str

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, in the order of every tuple of results."""
        return tuple(history.seed for history in self.histories[self.baseline])

    def best_error(self, variant: str) -> Estimate:
        """Return the least test error of the variant's runs, its mean over the seeds."""
        found = mean_estimate([history.best_error for history in self.histories[variant]])
        if found is None:
            raise InvalidValueError(f"{variant}: it has no run")
        return found

    def final_error(self, variant: str) -> Estimate:
        """Return the test error at the end of the variant's runs, its mean over the seeds."""
        found = mean_estimate([history.evaluations[-1].test_error for history in self.histories[variant]])
        if found is None:
            raise InvalidValueError(f"{variant}: it has no run")
        return found

    def to_json(self) -> str:
        """Return everything as JSON: what was found, and the histories it was found in."""
        values: dict[str, Any] = asdict(self)
        values["seeds"] = self.seeds
        for name, of_runs in (("best_error", self.best_error), ("final_error", self.final_error)):
            values[name] = {variant: asdict(of_runs(variant)) for variant in self.histories}
        return json.dumps(values, indent=2)

    @classmethod
    def from_json(cls, text: str) -> "Comparison":
        """Make a comparison from JSON: the histories are compared again.

        Raises:
            FileFormatError: no JSON, or not of a comparison.
        """
        try:
            values = json.loads(text)
            histories = {
                variant: [History.from_dict(history) for history in runs]
                for variant, runs in values["histories"].items()
            }
            return compare(histories, values["baseline"], over_seeds=values["over_seeds"])
        except (json.JSONDecodeError, KeyError, TypeError, AttributeError, InvalidValueError, LookupError) as error:
            raise FileFormatError(f"not a comparison: {error}") from error

    def to_csv(self) -> str:
        """Return one line for each variant, point and seed; iterations and seconds are empty where not reached."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("variant", "seed", "target_error", "fraction_of_baseline", "iterations", "seconds"))
        for point in self.points:
            for variant, crossing in point.crossings.items():
                for seed, iterations, seconds in zip(self.seeds, crossing.iterations, crossing.seconds, strict=True):
                    writer.writerow((variant, seed, point.error, point.fraction, iterations, seconds))
        return file.getvalue()


def compare(histories: Mapping[str, Sequence[History]], baseline: str, *, over_seeds: str = "mean") -> Comparison:
    """Compare variants with a baseline at errors that the baseline reaches on its way.

    The points are the baseline's least error so far after 10, 25, 50, 75 and 100 % of its run, without repetitions.

    Args:
        histories: by variant; one for each seed, the same seeds in the same order for all.
        baseline: the variant that the others are compared with.
        over_seeds: 'mean': a point is the mean of the baseline's errors over the seeds (Table III, for one seed), so
            some of its seeds may not reach it; 'worst': the largest, which every seed of the baseline reaches.

    Raises:
        InvalidValueError: different seeds, a run that was interrupted, or one without an evaluation.
        UnknownNameError: there is no variant called as `baseline`.

    >>> def history(*errors):
    ...     return History(tuple(Evaluation(i, i, i, i, e, 1, 1, 1) for i, e in enumerate(errors, 1)))
    >>> found = compare({"plain": [history(0.5, 0.4, 0.3, 0.2)], "twin": [history(0.4, 0.2, 0.2, 0.1)]}, "plain")
    >>> found.points[-1].error, found.points[-1].crossings["twin"].speed_up.mean
    (0.2, 2.0)
    """
    check_choice("over_seeds", over_seeds, _OVER_SEEDS)
    if baseline not in histories:
        raise UnknownNameError(f"baseline: no variant is called {baseline!r}; {near_matches(baseline, histories)}")
    _check_histories(histories, baseline)
    runs = {variant: tuple(of_variant) for variant, of_variant in histories.items()}
    points = tuple(
        Point(error, fraction, _crossings(runs, baseline, error))
        for error, fraction in _targets(runs[baseline], over_seeds)
    )
    return Comparison(baseline, runs, points, over_seeds, CROSSING_RULE)


def _check_histories(histories: Mapping[str, Sequence[History]], baseline: str) -> None:
    seeds = [history.seed for history in histories[baseline]]
    if not seeds or len(set(seeds)) < len(seeds):
        raise InvalidValueError(f"{baseline}: expected one run for each of several different seeds, found {seeds}")
    for variant, runs in histories.items():
        found = [history.seed for history in runs]
        if found != seeds:
            raise InvalidValueError(
                f"{variant}: its runs have seeds {found}, those of {baseline} {seeds}; "
                f"compare runs of the same seeds in the same order"
            )
        for history in runs:
            if history.interrupted:
                raise InvalidValueError(f"{variant}, seed {history.seed}: the run was interrupted; resume it first")
            if not history.evaluations:
                raise InvalidValueError(f"{variant}, seed {history.seed}: the run has no evaluation")


def _targets(runs: Sequence[History], over_seeds: str) -> list[tuple[float, float]]:
    """Return errors, falling, each with the fraction of the run after which the baseline has it."""
    found = []
    for fraction in _FRACTIONS:
        errors = [_best_until(history, fraction) for history in runs]
        # statistics.mean is exact: the mean of equal errors is that error, which every seed reaches
        found.append((statistics.mean(errors) if over_seeds == "mean" else max(errors), fraction))
    final = found[-1]
    distinct: list[tuple[float, float]] = []
    for error, fraction in found[:-1]:
        if error > final[0] and (not distinct or error < distinct[-1][0]):
            distinct.append((error, fraction))
    return [*distinct, final]


def _best_until(history: History, fraction: float) -> float:
    """Return the least error after a fraction of the run; the first evaluation counts even if it is later."""
    last = history.evaluations[-1].iteration * fraction
    until = [evaluation.test_error for evaluation in history.evaluations if evaluation.iteration <= last]
    return min(until or [history.evaluations[0].test_error])


def _crossings(runs: Mapping[str, Sequence[History]], baseline: str, error: float) -> dict[str, Crossing]:
    found = {variant: [_first_at(history, error) for history in histories] for variant, histories in runs.items()}
    crossings = {}
    for variant, own in found.items():
        pairs = [(a, b) for a, b in zip(found[baseline], own, strict=True) if a and b and variant != baseline]
        crossings[variant] = Crossing(
            iterations=tuple(at.iteration if at else None for at in own),
            seconds=tuple(at.training_seconds if at else None for at in own),
            mean_iterations=mean_estimate([at.iteration for at in own if at]),
            mean_seconds=mean_estimate([at.training_seconds for at in own if at]),
            speed_up=ratio_estimate([a.iteration / b.iteration for a, b in pairs]),
            speed_up_seconds=ratio_estimate(
                [a.training_seconds / b.training_seconds for a, b in pairs if a.training_seconds and b.training_seconds]
            ),
        )
    return crossings


def _first_at(history: History, error: float) -> Evaluation | None:
    return next((evaluation for evaluation in history.evaluations if evaluation.test_error <= error), None)
