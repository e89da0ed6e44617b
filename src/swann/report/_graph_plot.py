import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError, require_extra
from .._files import replacing
from ..graph import LayerGraph
from ._density_plot import check_same_layers

# Okabe and Ito's colours, which the colour-blind can tell apart
_BLUE, _ORANGE = "#0072B2", "#D55E00"
_GREY = "0.72"
_DASHES = (0, (4, 2.5))
_MOST_NODES, _MOST_EDGES = 120, 600
_BENDS = np.array([sign * size for size in np.linspace(0.04, 0.6, 15) for sign in (1, -1)])
"""How far a long edge may bend from a straight line at its middle, as shares of the picture's height."""

Points = NDArray[np.float64]


def can_be_drawn(graph: LayerGraph) -> bool:
    """Return whether a network is small enough for a drawing by `plot_graph` that can be read."""
    return graph.n_nodes <= _MOST_NODES and graph.n_edges <= _MOST_EDGES


def plot_graph(before: LayerGraph, after: LayerGraph, path: str | os.PathLike[str]) -> None:
    """Draw a small network and its rewired edges as a PNG (the SWANN paper's Fig. 4).

    Every layer is a column of nodes. Edges that stayed are grey, removed ones dashed orange, new ones blue; these
    bend so that they do not run through the nodes between their ends.

    Args:
        before: the graph of a network, of at most 120 nodes and 600 edges.
        after: the rewired graph, of the same layers.
        path: of the PNG, written whole or not at all.

    Raises:
        InvalidValueError: the graphs differ in their layers, or are too large for a readable drawing.
        MissingExtraError: matplotlib is not installed.
        OutputError: the file cannot be written.
    """
    check_same_layers(before, after)
    n_edges = max(before.n_edges, after.n_edges)
    if not (can_be_drawn(before) and can_be_drawn(after)):
        raise InvalidValueError(
            f"a drawing of {before.n_nodes:,} nodes and {n_edges:,} edges could not be read; it can show up to "
            f"{_MOST_NODES} nodes and {_MOST_EDGES:,} edges: use plot_densities, or a narrower model"
        )
    figures = require_extra("matplotlib.figure", "report")
    agg = require_extra("matplotlib.backends.backend_agg", "report")
    lines = require_extra("matplotlib.lines", "report")
    largest = max(before.sizes)
    figure = figures.Figure(
        figsize=(min(1.7 * before.n_layers + 0.6, 16), min(0.42 * largest + 2.2, 11)), layout="constrained"
    )
    agg.FigureCanvasAgg(figure)
    axes = figure.subplots()
    positions = node_positions(before.sizes)
    kept, removed, new = (positions[_edges(before, after, which)] for which in ("kept", "removed", "new"))
    width = float(np.clip(28 / np.sqrt(n_edges + 1), 0.5, 1.6))
    _draw(axes, [(*_ends(edge), None) for edge in kept], _GREY, 0.8 * width, "solid", 1)
    _draw(axes, [(*_ends(edge), None) for edge in removed], _ORANGE, width, _DASHES, 2)
    bends = [bend(start, end, positions) for start, end in new]
    _draw(axes, [(*_ends(edge), control) for edge, control in zip(new, bends, strict=True)], _BLUE, width, "solid", 3)
    heights = [curve_heights(edge, control) for edge, control in zip(new, bends, strict=True)]
    lowest, highest = (limit(np.concatenate([positions[:, 1], *heights])) for limit in (np.min, np.max))
    margin = 0.4 / largest
    lowest, highest = lowest - margin, highest + margin
    axes.scatter(*positions.T, s=min(110.0, 1400 / largest), color="white", edgecolors="black", linewidths=1, zorder=4)
    for layer, size in enumerate(before.sizes):
        name = "input" if layer == 0 else f"layer {layer}"
        nodes = f"{size} node{'s' if size > 1 else ''}"
        axes.annotate(
            f"{name}\n{nodes}", (layer, lowest), (0, -4), textcoords="offset points", ha="center", va="top", fontsize=9
        )
    entries = (
        ("edges that stayed", kept, _GREY, "solid"),
        ("removed", removed, _ORANGE, _DASHES),
        ("new", new, _BLUE, "solid"),
    )
    handles = [
        lines.Line2D([], [], color=colour, linestyle=style, linewidth=1.8, label=f"{name} ({len(edges)})")
        for name, edges, colour, style in entries
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, frameon=False)
    axes.set_axis_off()
    axes.set_xlim(-0.4, before.n_layers - 0.6)
    axes.set_ylim(lowest, highest)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=150, facecolor="white")


def node_positions(sizes: tuple[int, ...]) -> Points:
    """Return where each node is drawn, `[n_nodes, 2]`: x is its layer, y spreads a layer's nodes evenly over [0, 1].

    >>> node_positions((1, 2)).tolist()
    [[0.0, 0.5], [1.0, 0.75], [1.0, 0.25]]
    """
    columns = [
        np.column_stack((np.full(size, float(layer)), 1 - (np.arange(size) + 0.5) / size))
        for layer, size in enumerate(sizes)
    ]
    return np.concatenate(columns)


def bend(start: Points, end: Points, positions: Points) -> Points:
    """Return the control point of a quadratic Bézier curve between two nodes that stays clear of the nodes between.

    Of the bends tried it is the least that keeps a distance from every node, or else the one with the largest.
    The control point is half way between the two layers, so that the curve advances evenly from layer to layer.
    """
    middle = (start + end) / 2
    between = positions[(positions[:, 0] > start[0]) & (positions[:, 0] < end[0])]
    if not between.size:
        return np.asarray(middle)
    largest = np.unique(positions[:, 0], return_counts=True)[1].max()
    wanted = min(0.3 / largest, 0.05)
    share = (between[:, 0] - start[0]) / (end[0] - start[0])
    straight = start[1] + share * (end[1] - start[1])
    # a control point at 2 b from the straight line moves the curve by 4 b t (1 - t)
    heights = straight[None, :] + 4 * _BENDS[:, None] * (share * (1 - share))[None, :]
    distances = np.abs(heights - between[:, 1]).min(axis=1)
    clear = np.flatnonzero(distances >= wanted)
    chosen = _BENDS[clear[0] if clear.size else int(np.argmax(distances))]
    return np.array([middle[0], middle[1] + 2 * chosen])


def curve_heights(edge: Points, control: Points) -> Points:
    """Return y along the Bézier curve from `edge[0]` to `edge[1]`."""
    t = np.linspace(0, 1, 21)
    return np.asarray((1 - t) ** 2 * edge[0, 1] + 2 * t * (1 - t) * control[1] + t**2 * edge[1, 1])


def _edges(before: LayerGraph, after: LayerGraph, which: str) -> NDArray[np.int32]:
    """Return the node numbers of edges, `[n, 2]`."""
    rows = {
        "kept": [old & new for old, new in zip(before.rows, after.rows, strict=True)],
        "removed": [old & ~new for old, new in zip(before.rows, after.rows, strict=True)],
        "new": [new & ~old for old, new in zip(before.rows, after.rows, strict=True)],
    }
    return LayerGraph(before.sizes, tuple(rows[which])).edges()


def _ends(edge: Points) -> tuple[Points, Points]:
    return edge[0], edge[1]


def _draw(
    axes: Any, edges: list[tuple[Points, Points, Points | None]], colour: str, width: float, style: Any, order: int
) -> None:
    collections = require_extra("matplotlib.collections", "report")
    paths = require_extra("matplotlib.path", "report").Path
    shapes = []
    for start, end, control in edges:
        if control is None:
            shapes.append(paths([start, end]))
        else:
            shapes.append(paths([start, control, end], [paths.MOVETO, paths.CURVE3, paths.CURVE3]))
    axes.add_collection(
        collections.PathCollection(
            shapes, facecolors="none", edgecolors=colour, linewidths=width, linestyles=[style], zorder=order, alpha=0.9
        )
    )
