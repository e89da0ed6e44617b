"""A value for every pair of layers as a map of colours."""

import itertools
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._errors import require_extra
from ._parts import Figure, Panel, Table, to_csv
from ._style import GRID, WIDTH, canvas, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

_MOST_LAYERS_WITH_VALUES = 11
_MOST_NAMES = 24
_MOST_LETTERS = 14
_COLOURS = 64
"""Of the scale below the map."""


def heat_map(name: str, caption: str, names: Sequence[str], values: NDArray[np.float64], unit: str) -> Figure:
    """Return a heat map of the pairs of layers.

    Args:
        name: part of its files' names.
        caption: what it shows.
        names: of the layers, the input first.
        values: of shape `[layers, layers]`, from row to column; NaN where there is none.
        unit: of the values; at percent the colours go up to 100.
    """
    pairs = [(row, column) for row, column in np.argwhere(~np.isnan(values)).tolist()]
    cells = [[names[row], names[column], _text(values[row, column])] for row, column in pairs]
    header = ("from", "to", unit)
    table = Table.of_rows(caption, header, cells)
    panel = Panel(name, caption, partial(_draw, names, values, unit))
    rows = [(names[row], names[column], values[row, column]) for row, column in pairs]
    return Figure(
        name,
        f"{caption}. Rows are where edges start, columns where they end.",
        (panel,),
        (),
        table,
        to_csv(header, rows),
    )


def _draw(names: Sequence[str], values: NDArray[np.float64], unit: str) -> "Picture":
    colours = require_extra("matplotlib.colors", "report")
    figure, axes = canvas(WIDTH + 40)
    grid = require_extra("matplotlib.gridspec", "report").GridSpec(2, 1, figure, height_ratios=(24, 1))
    axes.set_subplotspec(grid[0])
    top = 100.0 if unit == "%" else float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    norm = colours.PowerNorm(0.5, vmin=0, vmax=top or 1.0)
    # cells are drawn one by one: an image would be pixels, and the mesh of matplotlib has a path for every empty one
    palette = require_extra("matplotlib", "report").colormaps["cividis"]
    patches = require_extra("matplotlib.patches", "report")
    count = len(names)
    for row, column in np.argwhere(~np.isnan(values)).tolist():
        value = values[row, column]
        axes.add_patch(
            patches.Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=palette(norm(value)), edgecolor="none")
        )
        if count <= _MOST_LAYERS_WITH_VALUES:
            shade = "white" if norm(value) < 0.55 else "black"
            axes.text(column, row, _text(value), ha="center", va="center", fontsize=8.5, color=shade)
    axes.set_xlim(-0.5, count - 0.5)
    axes.set_ylim(count - 0.5, -0.5)
    axes.set_aspect("equal")
    step = -(-count // _MOST_NAMES)
    ticks = list(range(0, count, step))
    shown = [shortened(names[tick], _MOST_LETTERS) for tick in ticks]
    axes.set_xticks(ticks, shown, rotation=90, fontsize=9)
    axes.set_yticks(ticks, shown, fontsize=9)
    axes.grid(visible=False)
    axes.hlines(np.arange(count + 1) - 0.5, -0.5, count - 0.5, color=GRID, linewidth=0.4, zorder=0)
    axes.vlines(np.arange(count + 1) - 0.5, -0.5, count - 0.5, color=GRID, linewidth=0.4, zorder=0)
    axes.tick_params(length=0)
    axes.set_xlabel("to layer")
    axes.set_ylabel("from layer")
    _draw_scale(figure.add_subplot(grid[1]), palette, norm, unit)
    return figure


def _draw_scale(axes: "Axes", palette: Any, norm: Any, unit: str) -> None:
    """Draw the scale of colours, as rectangles: matplotlib's own is an image."""
    patches = require_extra("matplotlib.patches", "report")
    ends = np.linspace(0, norm.vmax, _COLOURS + 1)
    for start, end in itertools.pairwise(ends):
        axes.add_patch(
            patches.Rectangle((start, 0), 1.5 * (end - start), 1, color=palette(norm((start + end) / 2)), linewidth=0)
        )
    axes.set_xlim(0, norm.vmax)
    axes.set_ylim(0, 1)
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.set_xlabel(unit, fontsize=9)


def _text(value: float) -> str:
    """Return a value in three digits at most."""
    return f"{value:.0f}" if value >= 99.5 else f"{value:.2g}"
