"""How fast and how large a twin is beside the network that it comes from, as `swann bench` wrote it down."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..._errors import FileFormatError
from ._parts import Figure, Panel, Rows, Section, Table, to_csv
from ._style import INK, MUTED, SURFACE, canvas, colour, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
_HEADER = ("network", "median", "quartiles", "ratio", "quartiles of the ratio")
_MOST_LETTERS = 48
_MEMORY = "peak memory"
_BASELINE, _TWIN = 6, 1
"""Colours of the two families."""
_BEHIND = {"facecolor": SURFACE, "edgecolor": "none", "pad": 0.6}
"""Behind text, so that lines do not run through it."""

Spread = tuple[float, float, float]
"""Lower quartile, median, upper quartile."""


@dataclass(frozen=True)
class _Bar:
    network: str
    is_twin: bool
    value: str
    quartiles: str
    ratio: Spread


@dataclass(frozen=True)
class _Case:
    task: str
    label: str
    rival: str
    bars: tuple[_Bar, ...]


def bench_section(values: Mapping[str, Any]) -> Section:
    """Return the ratios to the best form of the dense network as bars, and the table.

    Args:
        values: of `bench.json`.

    Raises:
        FileFormatError: a value is missing or of another type.
    """
    try:
        cases = [_case(case) for case in values["cases"]] + _memory(values["memory"])
        limit = float(values["multiplications"])
        left_out = tuple(f"Left out: {name}: {reason}" for name, reason in values["left_out"].items())
        name = str(values["name"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(f"not a result of bench: {type(error).__name__}: {error}") from error
    groups = tuple(Rows(case.label, tuple(_row(case, bar) for bar in case.bars)) for case in cases)
    notes = (
        "★: the best form of the baseline, to which ratios refer, round by round. Below 1 is better.",
        f"The twin does {limit:.2f} times the baseline's multiplications.",
        *left_out,
    )
    table = Table(f"Speed and memory of {name}", _HEADER, groups, notes)
    rows = [(case.label, bar.network, *bar.ratio) for case in cases for bar in case.bars]
    panels = tuple(
        _panel(task, [case for case in cases if case.task == task], limit)
        for task in dict.fromkeys(case.task for case in cases)
    )
    caption = (
        "Time and memory over those of the best form of the baseline: bars are medians, lines on them run from "
        "quartile to quartile; shorter is better. Full line: the baseline; dotted: the twin's share of multiplications."
    )
    csv = to_csv(("case", "network", "lower quartile", "median", "upper quartile"), rows)
    figure = Figure("bench", caption, panels, (), None, csv)
    return Section("Bench", figures=(figure,), tables=(table,))


def _case(values: Mapping[str, Any]) -> _Case:
    bars = []
    for family in ("baselines", "twins"):
        for network in values[family]:
            times, ratios = (_spread(values[kind][network]) for kind in ("quartiles", "ratios"))
            median, quartiles = _with_unit(times, _SECONDS)
            bars.append(_Bar(network, family == "twins", median, quartiles, ratios))
    task, threads = str(values["task"]), int(values["threads"])
    label = f"{task}, batch {int(values['batch'])}, {threads} thread{'s' if threads > 1 else ''}"
    return _Case(task, label, values["rival"], tuple(bars))


def _memory(values: Mapping[str, Any] | None) -> list[_Case]:
    if values is None:
        return []
    bars = []
    for family in ("baselines", "twins"):
        for network, size in values[family].items():
            ratio = float(values["ratios"][network])
            held = _with_unit((float(size),) * 3, _BYTES)[0]
            bars.append(_Bar(network, family == "twins", held, "", (ratio, ratio, ratio)))
    label = f"peak memory of a training step, batch {int(values['batch'])}"
    return [_Case(_MEMORY, label, values["rival"], tuple(bars))]


def _spread(values: Mapping[str, float]) -> Spread:
    return float(values["lower"]), float(values["median"]), float(values["upper"])


def _row(case: _Case, bar: _Bar) -> tuple[str, ...]:
    lower, median, upper = bar.ratio
    has_spread = bar.quartiles and bar.network != case.rival
    star = " ★" if bar.network == case.rival else ""
    return (
        bar.network + star,
        bar.value,
        bar.quartiles or "—",
        f"{median:.2f}×",
        f"{lower:.2f}–{upper:.2f}" if has_spread else "—",
    )


def _panel(task: str, cases: list[_Case], limit: float) -> Panel:
    bars = [(case, bar) for case in cases for bar in case.bars]
    labels = {
        f"bar-{number}": [f"{case.label}: {bar.network}: {bar.value}, {bar.ratio[1]:.2f} times the best baseline"]
        for number, (case, bar) in enumerate(bars)
    }
    name = task.replace(" ", "-")
    return Panel(
        name,
        f"{task}: ratios to the best form of the baseline",
        partial(_draw, cases, None if task == _MEMORY else limit),
        labels,
    )


def _draw(cases: list[_Case], limit: float | None) -> "Picture":
    n_bars = sum(len(case.bars) for case in cases)
    figure, axes = canvas(26 * n_bars + 24 * len(cases) + 44)
    y, number, longest = 0.0, 0, 1.0
    for case in cases:
        text: dict[str, Any] = {"textcoords": "offset points", "va": "center", "bbox": _BEHIND, "zorder": 4}
        axes.annotate(shortened(case.label, _MOST_LETTERS), (0, y), (3, 0), fontsize=9.5, **text)
        for bar in case.bars:
            y += 1
            lower, median, upper = bar.ratio
            series = _TWIN if bar.is_twin else _BASELINE
            patch = axes.barh(y + 0.12, median, height=0.42, color=colour(series), alpha=0.85).patches[0]
            patch.set_gid(f"bar-{number}")
            if upper > lower:
                axes.hlines(y + 0.12, lower, upper, color=INK, linewidth=1.4)
            axes.annotate(f"{median:.2f}", (max(upper, median), y + 0.12), (4, 0), fontsize=9, **text)
            axes.annotate(shortened(bar.network, _MOST_LETTERS), (0, y - 0.3), (3, 0), fontsize=9, color=MUTED, **text)
            longest = max(longest, upper)
            number += 1
        y += 1.1
    axes.axvline(1, color=INK, linewidth=1, zorder=0.5)
    if limit is not None:
        axes.axvline(limit, color=MUTED, linewidth=1.2, linestyle=":", zorder=3)
    axes.set_ylim(y - 0.4, -0.6)
    axes.set_xlim(0, 1.14 * longest)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("ratio to the best form of the baseline")
    return figure


def _with_unit(values: Spread, units: tuple[tuple[float, str], ...]) -> tuple[str, str]:
    """Return a median with its unit, and the quartiles in the same unit without it."""
    size, unit = next((pair for pair in units if values[1] >= pair[0]), units[-1])
    lower, median, upper = (f"{float(f'{value / size:.3g}'):,g}" for value in values)
    return f"{median} {unit}", f"{lower}–{upper}"
