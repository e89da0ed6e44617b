"""Clustering, path length and small-worldness against the rewiring probability."""

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...smallworld import SearchResult
from ._parts import Entry, Figure, Panel, Section, Table
from ._style import GRID, INK, band, canvas, curve

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

_MEASURED, _RANDOM, _EXPECTED = 0, 1, 2


def search_curves(result: SearchResult) -> Section:
    """Return the S curve of a search over p, with C and L."""
    near = [p for p in result.indistinguishable if p != result.best_p]
    text = [
        f"S is largest at p = {result.best_p:g} (S = {result.best_S:.3f}, a mean over {len(result.seeds)} rewirings)."
    ]
    if near:
        text.append(f"Within the noise as good: p = {', '.join(f'{p:g}' for p in near)}.")
    quantities = (
        ("S", "small-worldness S", result.S, 1.0),
        ("C", "clustering C", np.array(result.clustering), result.reference.clustering),
        ("L", "path length L", np.array(result.path_length), result.reference.path_length),
    )
    panels = tuple(
        Panel(
            name,
            f"{label} against the rewiring probability p",
            partial(_draw, result, name, label, values, random),
            _labels(result, name, values, random),
        )
        for name, label, values, random in quantities
    )
    legend = [Entry(_MEASURED, "rewired networks"), Entry(_RANDOM, "random graphs (Erdős–Rényi)")]
    if result.expected:
        legend.append(Entry(_EXPECTED, "S by the closed form, without repair"))
    caption = (
        f"Small-worldness S = (C / C of random graphs) / (L / L of random graphs), clustering C and path length L of "
        f"{result.reference.n_nodes:,} nodes and {result.reference.n_edges:,} edges. Lines are means over the seeds, "
        f"bands run from the smallest to the largest. ★: the chosen p"
        f"{'; the grey column spans all p as good within the noise' if near else ''}."
    )
    figure = Figure("small-worldness", caption, panels, tuple(legend), _table(result), result.to_csv())
    return Section("Small-worldness", text=tuple(text), figures=(figure,))


def _draw(result: SearchResult, name: str, label: str, values: NDArray[np.float64], random: float) -> "Picture":
    figure, axes = canvas(230)
    p = np.array(result.probabilities)
    equal = result.indistinguishable
    if len(equal) > 1:
        axes.axvspan(min(equal), max(equal), color=GRID, linewidth=0)
    curve(axes, _RANDOM, [p[0], p[-1]], [random, random])
    if name == "S" and result.expected:
        curve(axes, _EXPECTED, *zip(*result.expected, strict=True), points=False)
    band(axes, _MEASURED, p, values.min(axis=1), values.max(axis=1))
    curve(axes, _MEASURED, p, values.mean(axis=1))
    if name == "S":
        look: dict[str, Any] = {"markersize": 16, "linestyle": "none", "color": INK, "zorder": 10}
        axes.plot([result.best_p], [result.best_S], marker="*", gid=f"star-{_MEASURED}", **look)
    axes.set_xlabel("rewiring probability p")
    axes.set_ylabel(label)
    return figure


def _labels(result: SearchResult, name: str, values: NDArray[np.float64], random: float) -> dict[str, list[str]]:
    labels = {
        f"series-{_MEASURED}": [
            f"p = {p:g}: {name} = {row.mean():.4g} ({row.min():.4g} to {row.max():.4g})"
            for p, row in zip(result.probabilities, values, strict=True)
        ],
        f"series-{_RANDOM}": [f"random graphs: {name} = {random:.4g}"] * 2,
    }
    if name == "S":
        labels[f"star-{_MEASURED}"] = [f"★ chosen p = {result.best_p:g}: S = {result.best_S:.4g}"]
    return labels


def _table(result: SearchResult) -> Table:
    rows = []
    columns = (np.array(result.clustering), np.array(result.path_length), result.gamma, result.lambda_)
    for row, p in enumerate(result.probabilities):
        S = result.S[row]
        spread = f"{S.std(ddof=1):.3f}" if len(result.seeds) > 1 else "—"
        means = [f"{column[row].mean():.4f}" for column in columns]
        rows.append([f"{p:g}{' ★' if p == result.best_p else ''}", *means, f"{S.mean():.3f}", spread])
    header = ("p", "C", "L", "C / C random", "L / L random", "S", "standard deviation of S")
    return Table.of_rows("Small-worldness against p, means over the seeds", header, rows)
