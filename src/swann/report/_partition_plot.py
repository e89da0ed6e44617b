import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError, require_extra
from .._files import replacing


def plot_partition(
    class_counts: NDArray[np.int64], classes: Sequence[str], path: str | os.PathLike[str], *, title: str = ""
) -> None:
    """Draw how many images of each class each client has, as a heat map, as a PNG.

    Args:
        class_counts: of shape `[clients, classes]`.
        classes: their names.
        path: of the PNG, written whole or not at all.
        title: above the map.

    Raises:
        InvalidValueError: there are fewer names than classes.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    n_clients, n_classes = class_counts.shape
    if len(classes) < n_classes:
        raise InvalidValueError(f"classes: expected {n_classes} names, found {len(classes)}")
    figures = require_extra("matplotlib.figure", "report")
    agg = require_extra("matplotlib.backends.backend_agg", "report")
    figure = figures.Figure(
        figsize=(min(3 + 0.06 * n_clients, 12), min(1.6 + 0.22 * n_classes, 8)), layout="constrained"
    )
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots()
    image = axes.imshow(class_counts.T, cmap="viridis", aspect="auto", interpolation="nearest", vmin=0)
    step = -(-n_classes // 30)
    ticks = list(range(0, n_classes, step))
    axes.set_yticks(ticks, [classes[tick] for tick in ticks], fontsize=8)
    axes.set_xlabel("client")
    axes.set_ylabel("class")
    axes.set_title(title or "Training images of each client", fontsize=10)
    figure.colorbar(image, ax=axes, label="images")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
