"""How much sooner networks of each p reach an error, as a recipe with several p wrote it down."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ..._errors import FileFormatError
from ._parts import Figure, Panel, Section, Table, to_csv
from ._style import INK, MUTED, canvas, colour, curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

Interval = tuple[float, float, float]
"""Lower end, mean, upper end."""
Point = tuple[float, float, Interval | None, Interval | None, str]
"""p, S, iterations, convergence rate, and how many seeds reach the error."""


def sweep_section(values: Mapping[str, Any]) -> Section:
    """Return the convergence rates against p, beside S.

    Args:
        values: of `sweep.json`.

    Raises:
        FileFormatError: a value is missing or of another type.
    """
    try:
        target = float(values["target_error"])
        points = [_point(point) for point in values["points"]]
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"not a sweep over p: {type(error).__name__}: {error}") from error
    if not points:
        raise FileFormatError("not a sweep over p: it has no point")
    rows = [
        (f"{p:g}", f"{S:.3f}", _text(iterations, ",.0f"), _text(rate, ".2f"), reached)
        for p, S, iterations, rate, reached in points
    ]
    header = ("p", "S", f"iterations to {target:.2%} test error", "convergence rate", "seeds that reach it")
    table = Table.of_rows("Convergence against p", header, rows)
    found = [(p, rate) for p, _, _, rate, _ in points if rate]
    of_rate = [f"p = {p:g}: {rate[1]:.2f} times as fast ({rate[0]:.2f} to {rate[2]:.2f})" for p, rate in found]
    of_S = [f"p = {p:g}: S = {S:.3f}" for p, S, *_ in points]
    panels = (
        Panel(
            "rate", "convergence rate against p", partial(_draw_rates, points), {"series-0": of_rate} if found else {}
        ),
        Panel("S", "small-worldness S against p", partial(_draw_S, points), {"series-1": of_S}),
    )
    caption = (
        "Convergence rate (iterations of the baseline over these, to the same test error, with 95 % intervals; ×: not "
        "reached) and small-worldness S against the rewiring probability p. ★: the largest S."
    )
    csv = to_csv(
        ("p", "S", "iterations", "rate", "rate low", "rate high", "reached"),
        [
            (
                p,
                S,
                iterations[1] if iterations else "",
                *((rate[1], rate[0], rate[2]) if rate else ("", "", "")),
                reached,
            )
            for p, S, iterations, rate, reached in points
        ],
    )
    return Section("Convergence against p", figures=(Figure("sweep", caption, panels, (), None, csv),), tables=(table,))


def _point(values: Mapping[str, Any]) -> Point:
    reached = f"{int(values['reached'])} of {int(values['n_seeds'])}"
    return (
        float(values["p"]),
        float(values["S"]),
        _interval(values["iterations"]),
        _interval(values["rate"]),
        reached,
    )


def _interval(values: Mapping[str, float | None] | None) -> Interval | None:
    if values is None or values["mean"] is None:
        return None
    mean = float(values["mean"])
    low, high = (mean if values[end] is None else float(values[end] or 0.0) for end in ("low", "high"))
    return low, mean, high


def _text(interval: Interval | None, form: str) -> str:
    if interval is None:
        return "not reached"
    low, mean, high = interval
    return format(mean, form) + ("" if low == high else f" [{format(low, form)}, {format(high, form)}]")


def _draw_rates(points: list[Point]) -> "Picture":
    figure, axes = canvas(230)
    axes.axhline(1, color=MUTED, linestyle=":", linewidth=1)
    found = [(p, rate) for p, _, _, rate, _ in points if rate]
    if found:
        axes.vlines(
            [p for p, _ in found],
            [low for _, (low, _, _) in found],
            [high for _, (_, _, high) in found],
            color=colour(0),
        )
        curve(axes, 0, [p for p, _ in found], [mean for _, (_, mean, _) in found])
    missing = [p for p, _, _, rate, _ in points if not rate]
    axes.plot(missing, [1.0] * len(missing), marker="x", linestyle="none", color=INK)
    axes.set_xlabel("rewiring probability p")
    axes.set_ylabel("convergence rate")
    return figure


def _draw_S(points: list[Point]) -> "Picture":
    figure, axes = canvas(230)
    p, S = [point[0] for point in points], [point[1] for point in points]
    curve(axes, 1, p, S)
    best = max(range(len(points)), key=S.__getitem__)
    axes.plot([p[best]], [S[best]], marker="*", markersize=14, linestyle="none", color=INK, zorder=10)
    axes.set_xlabel("rewiring probability p")
    axes.set_ylabel("small-worldness S")
    return figure
