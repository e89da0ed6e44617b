import os
from collections.abc import Sequence

from .._errors import InvalidValueError, require_extra
from .._files import replacing

# Okabe and Ito's colours, which the colour-blind can tell apart
_BLUE, _ORANGE = "#0072B2", "#D55E00"

_LOGARITHMIC_FROM = 8.0
"""Rates whose ends differ by this factor are drawn on a logarithmic scale."""

Rate = tuple[float, float, float]
"""Lower end of the interval, mean, upper end."""


def plot_sweep(
    probabilities: Sequence[float],
    small_worldness: Sequence[float],
    rates: Sequence[Rate | None],
    path: str | os.PathLike[str],
    *,
    title: str,
) -> None:
    """Draw convergence rates and small-worldness against p as a PNG (the SWANN paper's Fig. 6).

    Args:
        probabilities: of rewiring, rising.
        small_worldness: S at each p; its maximum is marked by a ★.
        rates: the baseline's iterations to the target over those at each p; None where the target is not reached.
        path: of the PNG, written whole or not at all.
        title: above the chart.

    Raises:
        InvalidValueError: there is no p, or not one figure for each.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    if not probabilities or not len(probabilities) == len(small_worldness) == len(rates):
        raise InvalidValueError(
            f"sweep: expected as many figures as p, found {len(probabilities)}, {len(small_worldness)}, {len(rates)}"
        )
    figures = require_extra("matplotlib.figure", "report")
    agg = require_extra("matplotlib.backends.backend_agg", "report")
    figure = figures.Figure(figsize=(7.5, 5.5), layout="constrained")
    agg.FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, sharex=True)
    found = [(p, rate) for p, rate in zip(probabilities, rates, strict=True) if rate is not None]
    if found:
        places, means = [p for p, _ in found], [rate[1] for _, rate in found]
        margins = [[rate[1] - rate[0] for _, rate in found], [rate[2] - rate[1] for _, rate in found]]
        upper.errorbar(places, means, yerr=margins, color=_BLUE, marker="o", capsize=3)
        if max(rate[2] for _, rate in found) > _LOGARITHMIC_FROM * min(rate[0] for _, rate in found):
            upper.set_yscale("log")
    for p, rate in zip(probabilities, rates, strict=True):
        if rate is None:
            upper.annotate("not reached", (p, 1.0), rotation=90, fontsize=8, ha="center", va="bottom")
    upper.axhline(1.0, color="0.4", linestyle=(0, (4, 3)), linewidth=1)
    upper.set_ylabel("convergence rate\n(baseline = 1; 95 % interval)")
    lower.plot(probabilities, small_worldness, color=_ORANGE, marker=".")
    best = max(range(len(probabilities)), key=lambda place: small_worldness[place])
    lower.plot([probabilities[best]], [small_worldness[best]], marker="*", markersize=15, color="black")
    lower.set_ylabel("small-worldness S\n(★: largest)")
    lower.set_xlabel("rewiring probability p")
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
    upper.set_title(title, fontsize=10)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
