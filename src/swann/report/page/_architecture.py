"""A network's layers from top to bottom, and the links between them as arcs."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._errors import require_extra
from ...graph import LayerGraph
from ...nn import Plan
from ...trace import Chain, Layer
from ._heat_map import heat_map
from ._parts import Entry, Figure, Panel, Section, Table, to_csv
from ._style import INK, MUTED, SURFACE, WIDTH, canvas, colour, shortened

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

_ROW = 42
"""Height of a layer in the drawing, in CSS pixels."""
_BOX, _BOX_HEIGHT = 176, 30
"""Size of a layer."""
_MOST_LETTERS = 24
_MOST_LINKS = 500
"""More links are not drawn, but the weakest left out."""
_CROWDED = 40
"""Of more links, the weaker are drawn paler."""
_NEIGHBOURS, _LONG = 0, 1

Link = tuple[int, int, int, float]
"""From layer, to layer, edges, share of the possible ones."""


def architecture(chain: Chain, plan: Plan | None) -> Section:
    """Return the drawing of a network's layers and links.

    Args:
        chain: its layers.
        plan: how it was rewired; None for a plain chain.
    """
    graph = chain.graph() if plan is None else plan.rewiring.graph
    links = [(source, target, int(block.sum()), float(block.mean())) for source, target, block in graph.blocks()]
    names = ["input", *(layer.name for layer in chain.layers)]
    table = _table(names, links, graph)
    figures = [_layers_and_links(chain, names, links, table)]
    if plan is not None:
        title = "Share of the existing edges among the possible ones of each pair of layers, in percent"
        densities = np.where(graph.densities() > 0, 100 * graph.densities(), np.nan)
        figures.append(heat_map("densities", title, names, densities, "%"))
    return Section("Architecture", text=_facts(chain, plan, graph), figures=tuple(figures))


def _facts(chain: Chain, plan: Plan | None, graph: LayerGraph) -> tuple[str, ...]:
    shape = "×".join(map(str, chain.input_shape))
    facts = [
        f"Inputs of {shape}, {len(chain.layers)} layers with weights, {graph.n_nodes:,} nodes (channels and neurons), "
        f"{graph.n_edges:,} edges."
    ]
    if plan is None:
        facts.append("The network as it stands, nothing rewired.")
    else:
        found = plan.rewiring
        facts.append(
            f"Rewired with p = {found.rewiring_probability:g}, seed {found.seed}, ends drawn over {found.draw}, "
            f"{'with' if found.repair else 'without'} repair, granularity {found.granularity}, order '{plan.order}': "
            f"{found.n_moved:,} edges moved, {found.n_stuck:,} found no free end, {found.n_dead:,} nodes lost every "
            f"input{' and got one back' if found.repair and found.n_dead else ''}."
        )
    facts += [f"{line[0].upper()}{line[1:]}." for line in chain.left_out()]
    return tuple(facts)


def _layers_and_links(chain: Chain, names: Sequence[str], links: Sequence[Link], table: Table) -> Figure:
    drawn = sorted(sorted(links, key=lambda link: -link[2])[:_MOST_LINKS])
    labels = {
        f"link-{source}-{target}": [f"{names[source]} → {names[target]}: {edges:,} edges, {share:.1%} of the possible"]
        for source, target, edges, share in drawn
    }
    for number, name in enumerate(names):
        ends = [link for link in links if link[1] == number]
        starts = [link for link in links if link[0] == number]
        texts = [
            f"{len(of_layer)} link{'s' if len(of_layer) > 1 else ''} {way} "
            f"({sum(link[2] for link in of_layer):,} edges)"
            for of_layer, way in ((ends, "in"), (starts, "out"))
            if of_layer
        ]
        labels[f"layer-{number}"] = [f"{name}, {_shape(chain, number)}: {', '.join(texts) or 'no link'}"]
    long = sum(target - source > 1 for source, target, *_ in links)
    caption = (
        f"Layers from the input down, with nodes and map size. Every line is a link: {len(links) - long} join "
        f"neighbours (straight), {long} pass over layers (arcs). The thicker, the more edges; all run downwards."
    )
    if len(drawn) < len(links):
        caption += f" Only the {len(drawn)} links with the most edges are drawn; the CSV has all of them."
    panel = Panel("layers", "Layers and the links between them", partial(_draw, chain, names, drawn), labels)
    legend = (Entry(_NEIGHBOURS, "links of neighbours"), Entry(_LONG, "long links")) if long else ()
    rows = [(names[source], names[target], edges, share) for source, target, edges, share in links]
    return Figure("architecture", caption, (panel,), legend, table, to_csv(("from", "to", "edges", "share"), rows))


def _draw(chain: Chain, names: Sequence[str], links: Sequence[Link]) -> "Picture":
    figure, axes = canvas(_ROW * len(names) + 8)
    figure.set_layout_engine("none")
    axes.set_position((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(_ROW * len(names) + 4, -4)
    most = max((edges for _, _, edges, _ in links), default=1)
    longest = max((target - source for source, target, *_ in links), default=1)
    for source, target, edges, _ in links:
        _draw_link(axes, source, target, (edges / most) ** 0.5, longest, crowded=len(links) > _CROWDED)
    patches = require_extra("matplotlib.patches", "report")
    for number, name in enumerate(names):
        top = _ROW * number
        box = patches.FancyBboxPatch(
            (5, top + 5),
            _BOX - 10,
            _BOX_HEIGHT - 8,
            boxstyle="round,pad=4",
            facecolor=SURFACE,
            edgecolor=MUTED,
            linewidth=1,
            zorder=3,
            gid=f"layer-{number}",
        )
        axes.add_patch(box)
        place: dict[str, Any] = {"x": 9, "va": "center", "zorder": 4}
        axes.text(y=top + 9, s=shortened(name, _MOST_LETTERS), fontsize=10.5, fontweight="bold", color=INK, **place)
        axes.text(y=top + 21, s=shortened(_shape(chain, number), 30), fontsize=9.5, color=MUTED, **place)
    return figure


def _draw_link(axes: Any, source: int, target: int, strength: float, longest: int, *, crowded: bool) -> None:
    paths = require_extra("matplotlib.path", "report").Path
    patches = require_extra("matplotlib.patches", "report")
    span = target - source
    start, end = _ROW * source + _BOX_HEIGHT / 2 + 5, _ROW * target + _BOX_HEIGHT / 2 - 3
    if span == 1:
        x = _BOX / 2
        shape = paths([(x, start), (x, end)])
    else:
        share = (span - 1) / (longest - 1)
        reach = _BOX + (20 + (WIDTH - _BOX - 28) * share) * 4 / 3  # a cubic Bézier curve goes 3/4 of the way
        shape = paths(
            [(_BOX - 1, start), (reach, start), (reach, end), (_BOX - 1, end)],
            [paths.MOVETO, paths.CURVE4, paths.CURVE4, paths.CURVE4],
        )
    look: dict[str, Any] = {"edgecolor": colour(_LONG if span > 1 else _NEIGHBOURS)}
    look |= {"linewidth": 0.5 + 3.5 * strength, "alpha": 0.35 + 0.4 * strength if crowded else 0.75}
    axes.add_patch(patches.PathPatch(shape, facecolor="none", gid=f"link-{source}-{target}", zorder=2, **look))


def _shape(chain: Chain, number: int) -> str:
    """Return what a layer is, with its nodes and the size of its map."""
    nodes, *size = chain.map_shape(number)
    shape = f"{nodes:,} node{'s' if nodes > 1 else ''}" + (f", {'×'.join(map(str, size))}" if size else "")
    return shape if number == 0 else f"{_kind(chain.layers[number - 1])}, {shape}"


def _kind(layer: Layer) -> str:
    if layer.kind == "linear":
        return "linear"
    return f"{'×'.join(map(str, layer.kernel))} conv" + (f" in {layer.groups} groups" if layer.groups > 1 else "")


def _table(names: Sequence[str], links: Sequence[Link], graph: LayerGraph) -> Table:
    shown = sorted(sorted(links, key=lambda link: -link[2])[:_MOST_LINKS])
    rows = [
        (
            names[source],
            names[target],
            f"{target - source}",
            f"{edges:,}",
            f"{edges / graph.n_edges:.1%}",
            f"{share:.1%}",
        )
        for source, target, edges, share in shown
    ]
    header = ("from", "to", "layers on", "edges", "of all edges", "of the possible ones")
    return Table.of_rows("Links between layers", header, rows)
