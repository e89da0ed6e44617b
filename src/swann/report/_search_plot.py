import os

import numpy as np

from .._errors import require_extra
from .._files import replacing
from ..smallworld import SearchResult

# Okabe and Ito's colours, which the colour-blind can tell apart
_BLUE, _ORANGE, _GREEN = "#0072B2", "#D55E00", "#009E73"


def plot_search(result: SearchResult, path: str | os.PathLike[str]) -> None:
    """Draw C, L and S against the rewiring probability as a PNG (the SWANN paper's Fig. 5).

    Lines are means over the seeds, bands run from the smallest to the largest; the ★ marks the chosen p, and the grey
    band all p that cannot be told from it.

    Args:
        result: of `swann.search`.
        path: of the PNG, written whole or not at all.

    Raises:
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    figures = require_extra("matplotlib.figure", "report")
    agg = require_extra("matplotlib.backends.backend_agg", "report")
    figure = figures.Figure(figsize=(7.5, 7), layout="constrained")
    agg.FigureCanvasAgg(figure)
    panels = figure.subplots(3, sharex=True)
    p = np.array(result.probabilities)
    reference = result.reference
    rows = (
        ("clustering C", np.array(result.clustering), reference.clustering, _BLUE),
        ("path length L", np.array(result.path_length), reference.path_length, _ORANGE),
        ("small-worldness S", result.S, 1.0, _GREEN),
    )
    equal = result.indistinguishable
    for axes, (label, values, random, colour) in zip(panels, rows, strict=True):
        if len(equal) > 1:
            axes.axvspan(min(equal), max(equal), color="0.9", label="cannot be told from the chosen p")
        axes.fill_between(p, values.min(axis=1), values.max(axis=1), color=colour, alpha=0.25, linewidth=0)
        axes.plot(p, values.mean(axis=1), color=colour, marker=".")
        axes.axhline(random, color="0.4", linestyle=(0, (4, 3)), linewidth=1, label="random graph (Erdős–Rényi)")
        axes.set_ylabel(label)
        axes.grid(alpha=0.3)
    if result.expected:
        panels[-1].plot(*zip(*result.expected, strict=True), color="0.2", linestyle=":", label="closed form, no repair")
    panels[-1].plot(
        [result.best_p],
        [result.best_S],
        marker="*",
        markersize=15,
        linestyle="none",
        color="black",
        label=f"chosen p = {result.best_p:g}, S = {result.best_S:.3f}",
    )
    handles, labels = panels[-1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize="small")
    panels[-1].set_xlabel("rewiring probability p")
    panels[0].set_title(f"{reference.n_nodes:,} nodes, {reference.n_edges:,} edges, {len(result.seeds)} seeds")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
