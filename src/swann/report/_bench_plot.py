import os
from collections.abc import Mapping

from .._errors import InvalidValueError, require_extra
from .._files import replacing

# Okabe and Ito's colours, which the colour-blind can tell apart; the greys are for the dense network's forms
_GREYS = ("#4D4D4D", "#7F7F7F", "#A6A6A6", "#CCCCCC")
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7")

Ratio = tuple[float, float, float]
"""Lower quartile, median, upper quartile."""


def plot_bench(
    baselines: Mapping[str, Mapping[str, Ratio]],
    twins: Mapping[str, Mapping[str, Ratio]],
    path: str | os.PathLike[str],
    *,
    title: str,
    limit: float | None = None,
) -> None:
    """Draw ratios to the best form of a dense network as bars, as a PNG: a group for each case, shorter is better.

    The bars are medians, the lines on them run from quartile to quartile.

    Args:
        baselines: by case and then by network, the ratios of each form of the dense network.
        twins: by the same cases, the ratios of its small-world twin.
        path: of the PNG, written whole or not at all.
        title: above the chart.
        limit: drawn as a dotted line: the twin's multiplications over the dense network's.

    Raises:
        InvalidValueError: there is no case, or the cases of the two differ.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    cases = list(baselines)
    if not cases or list(twins) != cases:
        raise InvalidValueError(f"plot: expected the same cases of both, found {cases} and {list(twins)}")
    figures = require_extra("matplotlib.figure", "report")
    agg = require_extra("matplotlib.backends.backend_agg", "report")
    colours = _colours(baselines, _GREYS) | _colours(twins, _COLOURS)
    width = 0.84 / len(colours)
    rows = sum(len(baselines[case]) + len(twins[case]) for case in cases)
    figure = figures.Figure(figsize=(8, 1.6 + 0.2 * rows + 0.12 * len(cases)), layout="constrained")
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots()
    longest = 1.0
    labelled: set[str] = set()
    for place, case in enumerate(cases):
        ratios = {**baselines[case], **twins[case]}
        for number, (name, (lower, median, upper)) in enumerate(ratios.items()):
            y = place + (number - (len(ratios) - 1) / 2) * width
            axes.barh(
                y,
                median,
                height=0.9 * width,
                color=colours[name],
                xerr=[[median - lower], [upper - median]],
                error_kw={"elinewidth": 1, "ecolor": "black", "capsize": 2},
                label=None if name in labelled else name,
            )
            axes.annotate(
                f"{median:.2f}", (upper, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8
            )
            labelled.add(name)
            longest = max(longest, upper)
    axes.axvline(1, color="black", linewidth=1)
    if limit is not None:
        axes.axvline(limit, color="black", linestyle=":", linewidth=1.2, label=f"multiplications: {limit:.2f}")
    axes.set_yticks(range(len(cases)), [case.replace(", ", "\n", 1) for case in cases], fontsize=9)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.1 * longest)
    axes.set_xlabel("ratio to the best form of the baseline (bars: median; lines: quartiles)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(title)
    figure.legend(loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def _colours(cases: Mapping[str, Mapping[str, Ratio]], palette: tuple[str, ...]) -> dict[str, str]:
    """Return a colour for each network."""
    names = dict.fromkeys(name for networks in cases.values() for name in networks)
    return {name: palette[number % len(palette)] for number, name in enumerate(names)}
