"""Curves of test error and training loss, against iterations and against seconds (the paper's Fig. 9 and 10)."""

import bisect
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import InvalidValueError, require_extra
from .._files import replacing
from ._comparison import Comparison
from ._history import Evaluation, History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which the colour-blind can tell apart; the lines differ in their dashes too.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES: tuple[Any, ...] = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
_LOGARITHMIC_FROM = 8.0
"""Curves whose largest and smallest values differ by this factor are drawn on a logarithmic scale."""


@dataclass(frozen=True)
class _Panel:
    row: int
    column: int
    x: Callable[[Evaluation], float]
    y: Callable[[Evaluation], float]


_PANELS = (
    _Panel(0, 0, lambda at: at.iteration, lambda at: at.test_error * 100),
    _Panel(0, 1, lambda at: at.training_seconds, lambda at: at.test_error * 100),
    _Panel(1, 0, lambda at: at.iteration, lambda at: at.train_loss),
    _Panel(1, 1, lambda at: at.training_seconds, lambda at: at.train_loss),
)


def plot(source: Comparison | Mapping[str, Sequence[History]], path: str | os.PathLike[str]) -> None:
    """Draw test error and training loss against iterations and seconds, as a PNG.

    A line is the mean over the seeds, evaluation by evaluation as far as all seeds have one; the band around it runs
    from the smallest to the largest. For a comparison a ★ marks where each variant reaches the baseline's final
    accuracy, at the mean over the seeds that do; a variant that never does has none, and the legend says so. At the
    training loss the ★ stands on the variant's line.

    Args:
        source: a comparison, or histories by variant.
        path: of the PNG, written whole or not at all.

    Raises:
        InvalidValueError: a variant without an evaluation.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    figures = require_extra("matplotlib.figure", "report")
    agg = require_extra("matplotlib.backends.backend_agg", "report")
    ticker = require_extra("matplotlib.ticker", "report")
    histories = source.histories if isinstance(source, Comparison) else source
    for variant, runs in histories.items():
        if not runs or not all(history.evaluations for history in runs):
            raise InvalidValueError(f"plot: {variant} has a run without an evaluation")
    figure = figures.Figure(figsize=(10, 7.2), dpi=150, layout="constrained")
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2, sharex="col", sharey="row")
    for panel in _PANELS:
        _draw(axes[panel.row, panel.column], panel, histories, source if isinstance(source, Comparison) else None)
    for row, name in enumerate(("Test error (%)", "Training loss")):
        axes[row, 0].set_ylabel(name)
        if _spread(_PANELS[2 * row], histories) >= _LOGARITHMIC_FROM:
            axes[row, 0].set_yscale("log")
            for axis in (axes[row, 0].yaxis, axes[row, 1].yaxis):
                axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
                axis.set_major_formatter(ticker.FormatStrFormatter("%g"))
                axis.set_minor_formatter(ticker.NullFormatter())
    for column, name in enumerate(("Iterations", "Seconds of training")):
        axes[1, column].set_xlabel(name)
        axes[1, column].set_xlim(left=0)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(
        handles,
        labels,
        loc="outside upper center",
        ncols=min(3, len(labels)),
        frameon=False,
        fontsize="small",
        handlelength=3,
        title=_heading(source),
        title_fontsize="small",
    )
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png")


def _draw(
    axes: "Axes", panel: _Panel, histories: Mapping[str, Sequence[History]], comparison: Comparison | None
) -> None:
    axes.grid(visible=True, which="major", color="0.88", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    for number, (variant, runs) in enumerate(histories.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        together = list(zip(*(history.evaluations for history in runs), strict=False))
        x = [statistics.fmean(panel.x(at) for at in of_seeds) for of_seeds in together]
        values = [[panel.y(at) for at in of_seeds] for of_seeds in together]
        label = variant + (_star_label(comparison, variant) if comparison else "")
        means = [statistics.fmean(of_seeds) for of_seeds in values]
        axes.plot(
            x,
            means,
            color=colour,
            linestyle=_DASHES[number % len(_DASHES)],
            linewidth=1.8,
            label=label,
        )
        if len(runs) > 1:
            axes.fill_between(
                x, [min(v) for v in values], [max(v) for v in values], color=colour, alpha=0.18, linewidth=0
            )
        if comparison is not None:
            if panel.row == 0:
                axes.axhline(comparison.points[-1].error * 100, color="0.45", linewidth=0.8, linestyle=":", zorder=1)
            _draw_star(axes, panel, comparison, variant, (x, means), number)


def _draw_star(
    axes: "Axes",
    panel: _Panel,
    comparison: Comparison,
    variant: str,
    line: tuple[Sequence[float], Sequence[float]],
    number: int,
) -> None:
    """Mark when the variant's seeds reach the baseline's final accuracy: at that error, or on its line of the loss."""
    crossing = comparison.points[-1].crossings[variant]
    found = [
        next(at for at in history.evaluations if at.iteration == iteration)
        for history, iteration in zip(comparison.histories[variant], crossing.iterations, strict=True)
        if iteration is not None
    ]
    if found:
        x = statistics.fmean(panel.x(at) for at in found)
        y = comparison.points[-1].error * 100 if panel.row == 0 else _interpolated(x, *line)
        axes.plot(
            [x],
            [y],
            marker="*",
            markersize=17,
            color=_COLOURS[number % len(_COLOURS)],
            markeredgecolor="white",
            zorder=10 + number,
            clip_on=False,
        )


def _interpolated(x: float, points: Sequence[float], values: Sequence[float]) -> float:
    """Return the value at x of a line through points, at its ends that of the nearest one."""
    right = bisect.bisect_left(points, x)
    if right in (0, len(points)):
        return values[min(right, len(points) - 1)]
    share = (x - points[right - 1]) / (points[right] - points[right - 1])
    return values[right - 1] + share * (values[right] - values[right - 1])


def _star_label(comparison: Comparison, variant: str) -> str:
    reached, seeds = comparison.points[-1].crossings[variant].reached, len(comparison.seeds)
    return f" (★ reached by {reached} of {seeds})"


def _heading(source: Comparison | Mapping[str, Sequence[History]]) -> str:
    histories = source.histories if isinstance(source, Comparison) else source
    several = any(len(runs) > 1 for runs in histories.values())
    parts = ["Lines: mean over the seeds; bands: smallest to largest."] if several else []
    if isinstance(source, Comparison):
        error = f"a test error of {source.points[-1].error:.2%} (dotted)"
        parts.append(f"★: reaches the final accuracy of {source.baseline}, {error}.")
    return " ".join(parts)


def _spread(panel: _Panel, histories: Mapping[str, Sequence[History]]) -> float:
    """Return the largest value over the smallest; 0 if one has no logarithm."""
    values = [panel.y(at) for runs in histories.values() for history in runs for at in history.evaluations]
    return max(values) / min(values) if min(values) > 0 else 0.0
