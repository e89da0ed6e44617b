import os
from collections.abc import Sequence

import numpy as np

from .._errors import InvalidValueError, require_extra
from .._files import replacing
from ..graph import LayerGraph

_MOST_LAYERS_WITH_VALUES = 20
_DARK = 0.5


def plot_densities(
    before: LayerGraph, after: LayerGraph, path: str | os.PathLike[str], names: Sequence[str] | None = None
) -> None:
    """Draw the share of existing edges of each pair of layers, before and after rewiring, as a PNG.

    A square is a pair of layers, edges run from its row to its column; it is white where there is no edge. Networks
    of up to 20 layers have the share in percent in each square. The colours rise with the square root of the share,
    so that small ones differ too.

    Args:
        before: the graph of a network.
        after: the rewired graph, of the same layers.
        path: of the PNG, written whole or not at all.
        names: of the layers, the input first; `"input"`, `"1"`, `"2"`, … by default.

    Raises:
        InvalidValueError: the graphs differ in their layers, or there is not one name for each layer.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    check_same_layers(before, after)
    n_layers = before.n_layers
    if names is None:
        names = ["input", *(str(layer) for layer in range(1, n_layers))]
    if len(names) != n_layers:
        raise InvalidValueError(f"a network of {n_layers} layers, the input's among them, got {len(names)} names")
    figures = require_extra("matplotlib.figure", "report")
    agg = require_extra("matplotlib.backends.backend_agg", "report")
    colours = require_extra("matplotlib.colors", "report")
    side = min(max(3.6, 0.36 * n_layers + 0.8), 9.0)
    figure = figures.Figure(figsize=(2 * side + 1.8, side + 0.5), layout="constrained")
    agg.FigureCanvasAgg(figure)
    panels = figure.subplots(1, 2)
    norm = colours.PowerNorm(0.5, vmin=0, vmax=1)
    step = -(-n_layers // 40)
    ticks = list(range(0, n_layers, step))
    font_size = 8 if n_layers <= 14 else 7
    image = None
    for axes, graph, title in zip(panels, (before, after), ("before", "after rewiring"), strict=True):
        densities = graph.densities()
        image = axes.imshow(np.ma.masked_equal(densities, 0), cmap="viridis_r", norm=norm)
        axes.set_title(f"{title}: {np.count_nonzero(densities):,} pairs of layers linked", fontsize=font_size + 2)
        axes.set_xticks(ticks, [names[tick] for tick in ticks], rotation=90, fontsize=font_size)
        axes.set_yticks(ticks, [f"{names[tick]} ({graph.sizes[tick]:,})" for tick in ticks], fontsize=font_size)
        axes.set_xticks(np.arange(n_layers + 1) - 0.5, minor=True)
        axes.set_yticks(np.arange(n_layers + 1) - 0.5, minor=True)
        axes.grid(which="minor", color="0.9", linewidth=0.5)
        axes.tick_params(which="minor", length=0)
        axes.set_xlabel("to layer")
        if n_layers > _MOST_LAYERS_WITH_VALUES:
            continue
        for source, target in zip(*np.nonzero(densities), strict=True):
            density = densities[source, target]
            axes.text(
                target,
                source,
                percent(density),
                ha="center",
                va="center",
                fontsize=font_size - 0.5,
                color="white" if norm(density) > _DARK else "black",
            )
    panels[0].set_ylabel("from layer (its nodes)")
    bar = figure.colorbar(image, ax=panels, shrink=0.8, pad=0.02, aspect=30)
    bar.set_label("existing edges, % of the possible ones", fontsize=9)
    marks = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 1)
    bar.set_ticks(marks, labels=[percent(mark) for mark in marks])
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)


def percent(share: float) -> str:
    """Return a share above 0 as a short number of percent; nothing rounds to none, and only 1 is 100.

    >>> [percent(share) for share in (0.001, 0.25, 0.999, 1)]
    ['<1', '25', '>99', '100']
    """
    text = f"{100 * share:.0f}"
    if text == "0":
        return "<1"
    return ">99" if text == "100" and share < 1 else text


def check_same_layers(before: LayerGraph, after: LayerGraph) -> None:
    """Raise InvalidValueError unless two graphs have layers of the same sizes."""
    if before.sizes != after.sizes:
        raise InvalidValueError(
            f"the two graphs must have the same layers, got sizes {before.sizes} before and {after.sizes} after"
        )
