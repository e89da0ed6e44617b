import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from .._errors import InvalidValueError
from ..graph import LayerGraph
from ..nn import Plan
from ..smallworld import SmallWorldness, reference, small_worldness
from ._counts import Counts, count_chain_layers, count_plan_layers

_NAME_WIDTH = 16
_COLUMN_WIDTH = 7
_FIGURES = (("parameters", "parameters"), ("multiplications", "macs"), ("activation bytes", "activation_bytes"))


@dataclass(frozen=True)
class LayerSummary:
    """What a conversion changed in one layer, with the links that end there.

    Args:
        name: the layer's name; `"input"` for the operations on the input.
        before: the counts in the plain chain.
        after: the counts of the edges that exist.
        executed: the counts as the masked backend executes them, zeros included.
    """

    name: str
    before: Counts
    after: Counts
    executed: Counts


@dataclass(frozen=True)
class Summary:
    """What a conversion changed: counts and small-worldness before and after, and the links.

    Args:
        plan: the plan as text.
        links: `(source, target, number of edges, share of the possible edges)` of each pair of layers with edges.
        before: the counts of the plain chain.
        after: the counts of the small-world network.
        small_worldness_before: of the plain chain's graph; None where S is not defined (too few edges).
        small_worldness_after: of the rewired graph.
        names: the layers' names, the input first.
        executed: the counts of the small-world network as the masked backend executes it: each link as a whole block,
            with the zeros of the edges that do not exist.
        layers: the counts of each layer, those of the operations on the input first.
    """

    plan: str
    links: tuple[tuple[int, int, int, float], ...]
    before: Counts
    after: Counts
    small_worldness_before: SmallWorldness | None
    small_worldness_after: SmallWorldness | None
    names: tuple[str, ...]
    executed: Counts
    layers: tuple[LayerSummary, ...]

    def __str__(self) -> str:
        counts = (self.before, self.after, self.executed)
        lines = [self.plan, "", "links (edges, share of the possible ones):"]
        for source, target, edges, share in self.links:
            lines.append(f"  {self.names[source]} → {self.names[target]}: {edges:,} ({share:.1%})")
        lines += [
            "",
            f"{'':24}{'before':>16}{'after':>16}{'as run':>16}",
            *(
                f"{label:24}" + "".join(f"{getattr(each, name):>16,}" for each in counts)
                for label, name in (("weights", "weights"), *_FIGURES)
            ),
        ]
        sides = (self.small_worldness_before, self.small_worldness_after)
        rows = (("clustering C", "clustering"), ("path length L", "path_length"), ("small-worldness S", "S"))
        for label, name in rows:
            figures = ["not defined" if side is None else f"{getattr(side, name):.4f}" for side in sides]
            lines.append(f"{label:24}{figures[0]:>16}{figures[1]:>16}")
        return "\n".join([*lines, "", *_layer_lines(self.layers)])

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values, the plan as text."""
        value = asdict(self)
        for name in ("small_worldness_before", "small_worldness_after"):
            figures = getattr(self, name)
            value[name] = None if figures is None else json.loads(figures.to_json())
        return value


def _layer_lines(layers: Iterable[LayerSummary]) -> list[str]:
    """Return the table of the layers' counts, 79 columns wide."""
    lines = [
        "before: the plain chain; after: the edges that exist; as run: by the masked",
        "backend, links as whole blocks with zeros. Bytes are of the float32 maps",
        "written for one input.",
        "",
        " " * _NAME_WIDTH + "".join(f"{label:>{3 * _COLUMN_WIDTH}}" for label, _ in _FIGURES),
        f"{'layer':{_NAME_WIDTH}}" + 3 * "".join(f"{side:>{_COLUMN_WIDTH}}" for side in ("before", "after", "as run")),
    ]
    for layer in layers:
        sides = (layer.before, layer.after, layer.executed)
        figures = [getattr(side, name) for _, name in _FIGURES for side in sides]
        if layer.name == "input" and not any(figures):
            continue
        name = layer.name if len(layer.name) < _NAME_WIDTH else "…" + layer.name[2 - _NAME_WIDTH :]
        lines.append(f"{name:{_NAME_WIDTH}}" + "".join(f"{short(figure):>{_COLUMN_WIDTH}}" for figure in figures))
    return lines


def short(number: float) -> str:
    """Return a number in three digits with the letter of its thousands."""
    letters = iter("kMGT")
    letter = ""
    while number >= 999.5 and (following := next(letters, "")):
        number, letter = number / 1000, following
    return f"{number:.3g}{letter}"


def _figures(before: LayerGraph, after: LayerGraph) -> tuple[SmallWorldness, SmallWorldness] | tuple[None, None]:
    """Return the small-worldness of both graphs against the same random ones, or None where S is not defined."""
    try:
        random = reference(before.n_nodes, before.n_edges)
        return small_worldness(before, references=random), small_worldness(after, references=random)
    except InvalidValueError:
        return None, None


def plan_summary(plan: Plan) -> Summary:
    """Return layers, links, small-worldness and costs of the network of a plan before and after."""
    graph, baseline = plan.rewiring.graph, plan.chain.graph()
    links = tuple((source, target, int(block.sum()), float(block.mean())) for source, target, block in graph.blocks())
    figures_before, figures_after = _figures(baseline, graph)
    names = ("input", *(layer.name for layer in plan.chain.layers))
    before, after = count_chain_layers(plan.chain), count_plan_layers(plan)
    executed = count_plan_layers(plan, as_executed=True)
    return Summary(
        str(plan),
        links,
        Counts.total(before),
        Counts.total(after),
        figures_before,
        figures_after,
        names,
        Counts.total(executed),
        tuple(map(LayerSummary, names, before, after, executed)),
    )
