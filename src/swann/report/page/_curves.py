"""Convergence curves: test error and training loss, against iterations and against seconds."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from ..._errors import require_extra
from ...train import Comparison, Evaluation, History, comparison_grid, curves_to_csv
from ._parts import Entry, Figure, Panel, Rows, Section, Table
from ._style import MUTED, band, canvas, curve, letter, star

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

_LOGARITHMIC_FROM = 8.0
"""Curves whose largest and smallest values differ by this factor are drawn on a logarithmic scale."""
_CLOSE = 0.08
"""Stars nearer than this share of the drawing have their letters one above the other."""


@dataclass(frozen=True)
class _Axis:
    name: str
    label: str
    value: Callable[[Evaluation], float]


_ITERATIONS = _Axis("iterations", "iterations", lambda at: at.iteration)
_SECONDS = _Axis("seconds", "seconds of training", lambda at: at.training_seconds)
_ERROR = _Axis("error", "test error (%)", lambda at: at.test_error * 100)
_LOSS = _Axis("loss", "training loss", lambda at: at.train_loss)

Variants = Mapping[str, Sequence[Sequence[Evaluation]]]
"""By network, for each evaluation those of all seeds."""


def convergence(source: Comparison | Mapping[str, Sequence[History]], most_points: int) -> Section:
    """Return the curves of a comparison with its table, or of single runs.

    Args:
        source: a comparison, or histories by network.
        most_points: of a curve in the page; more evaluations are thinned out.
    """
    comparison = source if isinstance(source, Comparison) else None
    histories: Mapping[str, Sequence[History]] = source.histories if isinstance(source, Comparison) else source
    variants = {name: _thinned(runs, most_points) for name, runs in histories.items()}
    panels = tuple(
        Panel(
            name=f"{y.name}-{x.name}",
            title=f"{y.label} against {x.label}",
            draw=partial(_draw, variants, comparison, x, y),
            labels=_labels(variants, comparison, x),
        )
        for y in (_ERROR, _LOSS)
        for x in (_ITERATIONS, _SECONDS)
    )
    legend = tuple(Entry(number, _name(comparison, number, name)) for number, name in enumerate(variants))
    caption = _caption(histories, variants, comparison)
    figure = Figure("curves", caption, panels, legend, _values(variants), curves_to_csv(histories))
    return Section(
        "Convergence",
        text=() if comparison is None else _speed_ups(comparison),
        figures=(figure,),
        tables=() if comparison is None else (_table(comparison),),
    )


def _thinned(runs: Sequence[History], most_points: int) -> list[tuple[Evaluation, ...]]:
    """Return the evaluations that all seeds have, together; of too many every k-th, the last always."""
    together = list(zip(*(run.evaluations for run in runs), strict=False))
    step = -(-len(together) // most_points) or 1
    return together[::-1][::step][::-1]


def _mean(axis: _Axis, of_seeds: Sequence[Evaluation]) -> float:
    return statistics.fmean(axis.value(at) for at in of_seeds)


def _draw(variants: Variants, comparison: Comparison | None, x: _Axis, y: _Axis) -> "Picture":
    figure, axes = canvas(250)
    values = [y.value(at) for runs in variants.values() for of_seeds in runs for at in of_seeds]
    if min(values) > 0 and max(values) / min(values) >= _LOGARITHMIC_FROM:
        _logarithmic(axes)
    if comparison is not None and y is _ERROR:
        axes.axhline(comparison.points[-1].error * 100, color=MUTED, linewidth=1, linestyle=":")
    lines = []
    for number, runs in enumerate(variants.values()):
        places = [_mean(x, of_seeds) for of_seeds in runs]
        means = [_mean(y, of_seeds) for of_seeds in runs]
        if any(len(of_seeds) > 1 for of_seeds in runs):
            low, high = ([end(map(y.value, of_seeds)) for of_seeds in runs] for end in (min, max))
            band(axes, number, places, low, high)
        curve(axes, number, places, means)
        lines.append((places, means))
    axes.set_xlim(left=0)
    if comparison is not None:
        _draw_stars(axes, comparison, x, y, lines)
    axes.set_xlabel(x.label)
    axes.set_ylabel(y.label)
    return figure


def _draw_stars(
    axes: "Axes", comparison: Comparison, x: _Axis, y: _Axis, lines: Sequence[tuple[list[float], list[float]]]
) -> None:
    """Mark where each network reaches the baseline's error: at that error, or on its line of the loss."""
    final = comparison.points[-1]
    axes.autoscale_view()
    place = (axes.transData + axes.transAxes.inverted()).transform
    before: list[NDArray[np.float64]] = []
    for number, name in enumerate(comparison.histories):
        crossing = final.crossings[name]
        found = crossing.mean_iterations if x is _ITERATIONS else crossing.mean_seconds
        if found is not None:
            height = final.error * 100 if y is _ERROR else float(np.interp(found.mean, *lines[number]))
            here = place((found.mean, height))
            star(axes, number, found.mean, height, sum(bool(abs(here - there).max() < _CLOSE) for there in before))
            before.append(here)


def _logarithmic(axes: "Axes") -> None:
    ticker = require_extra("matplotlib.ticker", "report")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
    axes.yaxis.set_minor_formatter(ticker.NullFormatter())


def _labels(variants: Variants, comparison: Comparison | None, x: _Axis) -> dict[str, list[str]]:
    labels = {
        f"series-{number}": [f"{name}: {_in_words(of_seeds)}" for of_seeds in runs]
        for number, (name, runs) in enumerate(variants.items())
    }
    for number, name in enumerate(variants if comparison else ()):
        final = cast(Comparison, comparison).points[-1]
        crossing = final.crossings[name]
        found = crossing.mean_iterations if x is _ITERATIONS else crossing.mean_seconds
        if found is not None:
            when = f"{found.mean:,.0f} iterations" if x is _ITERATIONS else f"{found.mean:,.1f} s"
            seeds = f"{crossing.reached} of {len(crossing.iterations)} seeds"
            labels[f"star-{number}"] = [f"★ {name}: reaches {final.error:.2%} test error after {when} ({seeds})"]
    return labels


def _in_words(of_seeds: Sequence[Evaluation]) -> str:
    error = f"test error {_mean(_ERROR, of_seeds):.2f} %"
    if len(of_seeds) > 1:
        errors = [100 * at.test_error for at in of_seeds]
        error += f" ({min(errors):.2f} to {max(errors):.2f})"
    when = f"{_mean(_ITERATIONS, of_seeds):,.0f} iterations, {_mean(_SECONDS, of_seeds):,.1f} s"
    return f"{when}: {error}, training loss {_mean(_LOSS, of_seeds):.4g}"


def _name(comparison: Comparison | None, number: int, name: str) -> str:
    """Return a network's name for the legend, with its letter where stars have it."""
    if comparison is None:
        return name
    reached = comparison.points[-1].crossings[name].reached
    return f"{letter(number)} {name} (★ {reached} of {len(comparison.seeds)} seeds)"


def _caption(histories: Mapping[str, Sequence[History]], variants: Variants, comparison: Comparison | None) -> str:
    sentences = ["Test error and training loss against iterations and seconds of training."]
    if any(len(runs) > 1 for runs in histories.values()):
        sentences.append("Lines are means over the seeds, bands run from the smallest to the largest.")
    if comparison is not None:
        sentences.append(
            f"★ with a letter: the mean of when the seeds of that network reach {comparison.points[-1].error:.2%} test "
            f"error (dotted), the final accuracy of {comparison.baseline}; not all of them may."
        )
    if any(len(variants[name]) < min(len(run.evaluations) for run in runs) for name, runs in histories.items()):
        sentences.append("Of many evaluations some are left out here; the CSV has all of them.")
    interrupted = [name for name, runs in histories.items() if any(run.interrupted for run in runs)]
    if interrupted:
        sentences.append(f"Stopped before its end: {', '.join(interrupted)}.")
    return " ".join(sentences)


def _speed_ups(comparison: Comparison) -> tuple[str, ...]:
    """Return a sentence for each network on how soon it has the baseline's final accuracy."""
    final = comparison.points[-1]
    sentences = []
    for name, crossing in final.crossings.items():
        if name == comparison.baseline:
            continue
        if crossing.speed_up is None:
            sentences.append(f"{name} does not reach the {final.error:.2%} test error of {comparison.baseline}.")
            continue
        found = crossing.speed_up
        interval = "no interval, from one seed"
        if found.low is not None and found.high is not None:
            interval = f"95 % interval {found.low:.2f} to {found.high:.2f}"
        sentences.append(
            f"{name} reaches the {final.error:.2%} test error of {comparison.baseline} in {1 / found.mean:.2f} times "
            f"its iterations, a speed-up of {found.mean:.2f}× "
            f"({interval}; {found.count} of {len(comparison.seeds)} seeds)."
        )
    return tuple(sentences)


def _values(variants: Variants) -> Table:
    rows = [
        (
            name,
            f"{_mean(_ITERATIONS, of_seeds):,.0f}",
            f"{_mean(_SECONDS, of_seeds):,.1f}",
            f"{_mean(_ERROR, of_seeds):.2f}",
            f"{min(map(_ERROR.value, of_seeds)):.2f}",
            f"{max(map(_ERROR.value, of_seeds)):.2f}",
            f"{_mean(_LOSS, of_seeds):.4g}",
        )
        for name, runs in variants.items()
        for of_seeds in runs
    ]
    header = ("network", "iterations", "seconds", "test error (%)", "smallest", "largest", "training loss")
    return Table.of_rows("Values of the curves, means over the seeds", header, rows)


def _table(comparison: Comparison) -> Table:
    grid = comparison_grid(comparison)
    groups = tuple(Rows(group[0][0], tuple(tuple(row[1:]) for row in group)) for group in grid.groups)
    return Table("When each network reaches errors of the baseline", tuple(grid.header[1:]), groups, tuple(grid.notes))
