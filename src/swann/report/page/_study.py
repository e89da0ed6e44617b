"""What each network of a study did against the control, as `swann study` wrote it down."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ..._errors import FileFormatError
from ._parts import Figure, Panel, Section, Table, to_csv
from ._style import INK, MUTED, canvas, curve, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

Interval = tuple[float, float, float]
"""Lower end, mean, upper end."""

_MOST_LETTERS = 22
_ROW = 26
"""Height of a network in the drawing, in CSS pixels."""

_DIFFERENCES = (("area_difference", "mean error over the run"), ("final_difference", "error at the end"))


def study_section(values: Sequence[Mapping[str, Any]], *, held_out: bool = False) -> Section:
    """Return the effects of a study: differences from the control with their intervals, and iterations to errors.

    Args:
        values: of `study.json`, the control first.
        held_out: whether errors are of a part of the training images.

    Raises:
        FileFormatError: a value is missing or of another type.
    """
    try:
        names = [str(effect["network"]) for effect in values]
        found = {name: [_points(effect[name]) for effect in values] for name, _ in _DIFFERENCES}
        table = _table(names, values, found)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FileFormatError(f"not a study: {type(error).__name__}: {error}") from error
    others = range(1, len(names))
    panels = tuple(
        Panel(
            name.replace("_", "-"),
            f"{title}: difference from {names[0]}",
            partial(_draw, [names[place] for place in others], [found[name][place] for place in others]),
            {"series-0": [f"{names[place]}: {_text(found[name][place])} points" for place in others]},
        )
        for name, title in _DIFFERENCES
    )
    caption = (
        f"Test error against that of {names[0]} in percentage points, seed by seed, with 95 % intervals; left of the "
        f"dotted line is better. The intervals are not corrected for the number of comparisons."
    )
    csv = to_csv(
        ("network", *(f"{name} {end}" for name, _ in _DIFFERENCES for end in ("low", "mean", "high"))),
        [(names[place], *(end for name, _ in _DIFFERENCES for end in found[name][place])) for place in others],
    )
    figures = (Figure("study", caption, panels, (), None, csv),) if others else ()
    text = ("Errors are of a part of the training images that was held out, here and below.",) if held_out else ()
    return Section("Study", text, figures=figures, tables=(table,))


def _table(names: Sequence[str], values: Sequence[Mapping[str, Any]], found: Mapping[str, Sequence[Interval]]) -> Table:
    header = ["network"]
    for at in values[0]["at"]:
        header += [f"iterations to {float(at['error']):.4g} error", "control's over these"]
    header += ["error at the end (%)", *(f"difference: {title}" for _, title in _DIFFERENCES)]
    rows = []
    for place, (name, effect) in enumerate(zip(names, values, strict=True)):
        cells = [name]
        for at in effect["at"]:
            seeds = "" if at["iterations"] is None else f" ({int(at['reached'])} of {int(effect['final']['count'])})"
            cells.append("not reached" if at["iterations"] is None else f"{at['iterations']['mean']:,.0f}{seeds}")
            cells.append("–" if at["speed_up"] is None or not place else _ratio(at["speed_up"]))
        cells.append(f"{100 * float(effect['final']['mean']):.1f}")
        cells += [_text(found[key][place]) if place else "–" for key, _ in _DIFFERENCES]
        rows.append(cells)
    notes = (f"(k of n): k of n seeds reach the error. Differences from {names[0]} are in percentage points.",)
    return Table.of_rows("Effects", header, rows, notes=notes)


def _points(values: Mapping[str, Any]) -> Interval:
    """Return an estimate in percentage points; without an interval all three are the mean."""
    mean = 100 * float(values["mean"])
    low, high = (mean if values[end] is None else 100 * float(values[end]) for end in ("low", "high"))
    return low, mean, high


def _text(interval: Interval) -> str:
    low, mean, high = interval
    return f"{mean:+.1f}" + ("" if low == high else f" [{low:+.1f}, {high:+.1f}]")


def _ratio(values: Mapping[str, Any]) -> str:
    text = f"{float(values['mean']):.2f}×"
    return text if values["low"] is None else f"{text} [{float(values['low']):.2f}, {float(values['high']):.2f}]"


def _draw(names: Sequence[str], intervals: Sequence[Interval]) -> "Picture":
    figure, axes = canvas(70 + _ROW * len(names))
    rows = range(len(names))
    axes.axvline(0, color=MUTED, linestyle=":", linewidth=1)
    axes.hlines(rows, [low for low, _, _ in intervals], [high for *_, high in intervals], color=INK, linewidth=1.5)
    means = [mean for _, mean, _ in intervals]
    curve(axes, 0, means, rows, linestyle="none", zorder=3)
    axes.set_yticks(rows, [shortened(name, _MOST_LETTERS) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel("percentage points")
    return figure
