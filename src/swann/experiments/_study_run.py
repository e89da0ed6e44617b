"""Running a study, and the effects that it finds."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from ..data import ImageData
from ..train import Estimate, Evaluation, History, TrainingConfig, mean_estimate, ratio_estimate
from ._compare import Progress, run_network
from ._study import CONTROL, Study
from ._study_network import ModelFactory, network_factory
from ._study_settings import StudyNetwork

Curve = list[tuple[int, float]]
"""Errors of a run, each after its iterations."""


@dataclass(frozen=True)
class ErrorReached:
    """How soon the runs of a network come to an error.

    Args:
        error: a fraction.
        reached: runs that come to it.
        iterations: of the runs that do; None if none does.
        speed_up: the control's iterations over these, seed by seed, where both come to it; a geometric mean.
        speed_up_seconds: the same in seconds of training.
    """

    error: float
    reached: int
    iterations: Estimate | None
    speed_up: Estimate | None
    speed_up_seconds: Estimate | None


@dataclass(frozen=True)
class Effect:
    """What a network did against the control.

    Args:
        network: its name.
        diverged: runs whose loss became infinite or NaN; they reach no error, and have that of chance from then on.
        at: for each error of the study, and last for the one that every run of the control comes to.
        area: mean error over the iterations (area under the curve of errors).
        area_difference: from the control's, seed by seed; below zero is better.
        final: error at the end.
        final_difference: from the control's, seed by seed.
    """

    network: str
    diverged: int
    at: tuple[ErrorReached, ...]
    area: Estimate
    area_difference: Estimate
    final: Estimate
    final_difference: Estimate


def run_study(
    study: Study,
    create: ModelFactory,
    data: ImageData,
    *,
    seeds: Sequence[int],
    directory: Path | None = None,
    on_progress: Progress | None = None,
) -> dict[str, list[History]]:
    """Train each network of a study under each seed, with the same batches; they take turns.

    A run whose loss becomes infinite or NaN ends there, and its history says so; the others go on.

    Args:
        study: what is trained how.
        create: makes the model from a seed; given `shortcuts=True` too where a network has them.
        data: on whose test images errors are measured; for choices these must be a validation split.
        seeds: one run of each network for each.
        directory: for histories and checkpoints; what was done before an interruption is not done again.
        on_progress: called after each iteration.

    Raises:
        InterruptedRunError: Ctrl-C; call again with the same directory to go on.
        FileFormatError: a file in the directory is damaged or of another run.
    """
    histories: dict[str, list[History]] = {name: [] for name in study.networks}
    for seed in seeds:
        for name, network in study.networks.items():
            config = _config(study.training, network, seed)
            factory = network_factory(network, create, data, config.optimizer.weight_decay or 0.0)
            run = run_network(name, factory, data, config, directory, on_progress, None, may_diverge=True)
            histories[name].append(run)
    return histories


def effects(
    histories: Mapping[str, Sequence[History]],
    errors: Sequence[float],
    against: str = CONTROL,
    *,
    chance: float = 1.0,
) -> tuple[Effect, ...]:
    """Return what each network did against the control.

    Args:
        histories: of each network, the same seeds in the same order.
        errors: fractions; the control's `final_level` is added as the last one.
        against: the network that serves as the control.
        chance: a diverged run's error at the evaluations that it did not come to.
    """
    control = histories[against]
    curves = _curves(histories, chance)
    errors = (*errors, max(final_level([error for _, error in curve]) for curve in curves[against]))
    areas = {name: [_area(curve) for curve in of_runs] for name, of_runs in curves.items()}
    finals = {name: [curve[-1][1] for curve in of_runs] for name, of_runs in curves.items()}
    return tuple(
        Effect(
            name,
            sum(run.diverged for run in runs),
            tuple(_reached(control, runs, error) for error in errors),
            _mean(areas[name]),
            _mean_difference(areas[name], areas[against]),
            _mean(finals[name]),
            _mean_difference(finals[name], finals[against]),
        )
        for name, runs in histories.items()
    )


def crossing(history: History, error: float) -> Evaluation | None:
    """Return the first evaluation with an error or less that the next one confirms; the last needs no other.

    A run that diverged has none.
    """
    if history.diverged:
        return None
    evaluations = history.evaluations
    for first, second in pairwise(evaluations):
        if first.test_error <= error and second.test_error <= error:
            return first
    return evaluations[-1] if evaluations[-1].test_error <= error else None


def final_level(errors: Sequence[float]) -> float:
    """Return the least error that two successive evaluations have or stay below; of a single one its own."""
    return min(map(max, pairwise(errors))) if len(errors) > 1 else errors[0]


def _reached(control: Sequence[History], runs: Sequence[History], error: float) -> ErrorReached:
    own, others = ([crossing(run, error) for run in each] for each in (runs, control))
    pairs = [(a, b) for a, b in zip(others, own, strict=True) if a and b]
    return ErrorReached(
        error,
        sum(at is not None for at in own),
        mean_estimate([at.iteration for at in own if at]),
        ratio_estimate([a.iteration / b.iteration for a, b in pairs]),
        ratio_estimate([a.training_seconds / b.training_seconds for a, b in pairs if b.training_seconds]),
    )


def _curves(histories: Mapping[str, Sequence[History]], chance: float) -> dict[str, list[Curve]]:
    """Return the errors of all runs by their iterations; those that a diverged run did not come to are of chance."""
    all_runs = [run for runs in histories.values() for run in runs]
    evaluated = sorted({at.iteration for run in all_runs for at in run.evaluations}) or [1]

    def curve(run: History) -> Curve:
        points = [(at.iteration, at.test_error) for at in run.evaluations]
        done = points[-1][0] if points else 0
        return points + [(iteration, chance) for iteration in evaluated if run.diverged and iteration > done]

    return {name: [curve(run) for run in runs] for name, runs in histories.items()}


def _area(points: Curve) -> float:
    if len(points) == 1:
        return points[0][1]
    area = sum((after[0] - before[0]) * (after[1] + before[1]) / 2 for before, after in pairwise(points))
    return area / (points[-1][0] - points[0][0])


def _mean_difference(own: Sequence[float], others: Sequence[float]) -> Estimate:
    return _mean([value - other for value, other in zip(own, others, strict=True)])


def _mean(values: Sequence[float]) -> Estimate:
    found = mean_estimate(values)
    return Estimate(statistics.fmean(values), None, None, len(values)) if found is None else found


def _config(training: TrainingConfig, network: StudyNetwork, seed: int) -> TrainingConfig:
    optimizer = training.optimizer
    if network.lr_factor != 1 and optimizer.lr is not None:
        optimizer = replace(optimizer, lr=optimizer.lr * network.lr_factor)
    if network.decay_factor != 1 and optimizer.weight_decay is not None:
        optimizer = replace(optimizer, weight_decay=optimizer.weight_decay * network.decay_factor)
    return replace(training, optimizer=optimizer, seed=seed)
