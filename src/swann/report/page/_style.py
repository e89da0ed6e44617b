"""Colours, dashes and markers of the drawings; each stands for a variable of the page's two styles, light and dark."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..._errors import require_extra
from ._parts import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, GRID, SURFACE = "#1b1f24", "#57606b", "#dfe3e8", "#fefefe"
SERIES = ("#0067a5", "#b84a00", "#00785a", "#a33e7c", "#7a5c00", "#5b4bb7", "#3d4450")
"""Dark on light, with a contrast of at least 4.5 to white; in the order of Okabe and Ito's hues."""
SERIES_IN_THE_DARK = ("#5bb8f0", "#ff9a52", "#35cfa2", "#f09bcd", "#e6c34d", "#b3a6ff", "#c3cad3")
DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

WIDTH = 320
"""Of a drawing, in CSS pixels: that of a narrow phone, so that its text can be read there."""

_MOST_LETTERS_OF_A_LEGEND = 44

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    GRID: "--grid",
    SURFACE: "--surface",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES)},
}
"""By colour, the page's variable that replaces it."""


def colour(series: int) -> str:
    """Return the colour of a curve."""
    return SERIES[series % len(SERIES)]


def dashes(series: int) -> Any:
    """Return the dashes of a curve, as matplotlib takes them."""
    return DASHES[series % len(DASHES)]


def marker(series: int) -> str:
    """Return the marker of a curve."""
    return MARKERS[series % len(MARKERS)]


def letter(series: int) -> str:
    """Return the letter by which a curve is named in a drawing.

    >>> letter(0), letter(27)
    ('A', 'B2')
    """
    return chr(ord("A") + series % 26) + (str(series // 26 + 1) if series >= 26 else "")


def css_dashes(series: int) -> str:
    """Return the dashes of a curve as SVG takes them, for lines of width 2.

    >>> css_dashes(0), css_dashes(1)
    ('none', '10 4')
    """
    of_curve = dashes(series)
    return "none" if of_curve == "-" else " ".join(f"{2 * length:g}" for length in of_curve[1])


def shortened(text: str, most_letters: int) -> str:
    """Return a name as a drawing can show it; of a long one the end.

    >>> shortened("features.0.conv1", 8)
    '…0.conv1'
    """
    text = printable(text)
    return text if len(text) <= most_letters else "…" + text[1 - most_letters :]


@contextmanager
def drawing(salt: str) -> Iterator[None]:
    """Draw within the block in the page's style; names are shown as they are, dollars too.

    Args:
        salt: for the ids in the SVG, so that equal drawings become equal files.
    """
    matplotlib = require_extra("matplotlib", "report")
    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "text.parse_math": False,
        "font.family": "DejaVu Sans",
        "font.size": 10.5,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": MUTED,
        "axes.facecolor": "none",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.8,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "xtick.labelcolor": INK,
        "ytick.labelcolor": INK,
    }
    with matplotlib.rc_context(settings), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the page has the reader's fonts
        yield


def canvas(height: float, *, width: float = WIDTH) -> tuple["Figure", "Axes"]:
    """Return an empty drawing of a size in CSS pixels, and its axes."""
    figures = require_extra("matplotlib.figure", "report")
    figure = figures.Figure(figsize=(width / 72, height / 72), layout="constrained")
    return figure, figure.subplots()


def curve(axes: "Axes", series: int, x: Any, y: Any, *, points: bool = True, **more: Any) -> None:
    """Draw a curve with an id by which the page finds it and its points."""
    style = {"color": colour(series), "linestyle": dashes(series), "linewidth": 1.7} | more
    if points:
        style |= {"marker": marker(series), "markersize": 4.2, "markeredgecolor": SURFACE, "markeredgewidth": 0.4}
    axes.plot(x, y, gid=f"series-{series}", **style)


def band(axes: "Axes", series: int, x: Any, low: Any, high: Any) -> None:
    """Draw the range around a curve."""
    axes.fill_between(x, low, high, color=colour(series), alpha=0.16, linewidth=0, gid=f"band-{series}")


def add_legend(figure: "Figure", entries: Sequence[tuple[int, str]]) -> None:
    """Add a legend below a drawing that stands alone; the page has one of its own.

    Args:
        figure: the drawing.
        entries: `(number of the curve, its name)`.
    """
    lines = require_extra("matplotlib.lines", "report")
    handles = [
        lines.Line2D(
            *([], []),
            color=colour(series),
            linestyle=dashes(series),
            marker=marker(series),
            markersize=4.2,
            label=shortened(label, _MOST_LETTERS_OF_A_LEGEND).lstrip("_"),
        )
        for series, label in entries
    ]
    width, height = figure.get_size_inches()
    figure.set_size_inches(width, height + len(handles) * 15 / 72)
    figure.legend(handles=handles, loc="outside lower left", frameon=False, fontsize="small", handlelength=3)


def star(axes: "Axes", series: int, x: float, y: float, order: int = 0) -> None:
    """Draw a ★ with the letter of its curve.

    Args:
        axes: where.
        series: the number of the curve.
        x: of its centre.
        y: of its centre.
        order: how many letters stand below this one, at stars close by.
    """
    look: dict[str, Any] = {"color": colour(series), "markeredgecolor": SURFACE, "markeredgewidth": 0.8}
    look |= {"marker": "*", "markersize": 16, "linestyle": "none", "clip_on": False, "zorder": 10 + series}
    axes.plot([x], [y], gid=f"star-{series}", **look)
    axes.annotate(
        letter(series),
        (x, y),
        (0, 8 + 11 * order),
        textcoords="offset points",
        ha="center",
        fontweight="bold",
        fontsize=9.5,
        gid=f"name-{series}",
        annotation_clip=False,
    )
