import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError, require_extra
from .._files import replacing


def plot_weights(
    weights: NDArray[np.float64], path: str | os.PathLike[str], *, names: Sequence[str], title: str
) -> None:
    """Draw the mean absolute weight between every two layers as a heat map, as a PNG (the SWANN paper's Fig. 13).

    Args:
        weights: of shape `[layers, layers]`, from row to column; NaN, drawn white, where no edge exists.
        path: of the PNG, written whole or not at all.
        names: of the layers, the input first.
        title: above the map.

    Raises:
        InvalidValueError: the map is not square or there is not one name for each layer.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    if weights.shape != (len(names), len(names)):
        raise InvalidValueError(
            f"weights: expected one row and column for each of {len(names)} layers, got {weights.shape}"
        )
    figures = require_extra("matplotlib.figure", "report")
    agg = require_extra("matplotlib.backends.backend_agg", "report")
    side = min(max(4.0, 0.34 * len(names) + 1.5), 10.0)
    figure = figures.Figure(figsize=(side + 1, side), layout="constrained")
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots()
    image = axes.imshow(np.ma.masked_invalid(weights), cmap="YlOrRd", vmin=0)
    step = -(-len(names) // 40)
    ticks = list(range(0, len(names), step))
    axes.set_xticks(ticks, [names[tick] for tick in ticks], rotation=90, fontsize=8)
    axes.set_yticks(ticks, [names[tick] for tick in ticks], fontsize=8)
    axes.set_xticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(names) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel("to layer")
    axes.set_ylabel("from layer")
    axes.set_title(title, fontsize=10)
    figure.colorbar(image, ax=axes, shrink=0.8, label="mean absolute weight of the edges; white: none")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
