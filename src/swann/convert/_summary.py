import json
from dataclasses import asdict, dataclass
from typing import Any

from .._errors import InvalidValueError
from ..graph import LayerGraph
from ..nn import SmallWorldNetwork
from ..smallworld import SmallWorldness, reference, small_worldness
from ._counts import Counts, count_chain, count_plan


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
    """

    plan: str
    links: tuple[tuple[int, int, int, float], ...]
    before: Counts
    after: Counts
    small_worldness_before: SmallWorldness | None
    small_worldness_after: SmallWorldness | None
    names: tuple[str, ...]

    def __str__(self) -> str:
        before, after = self.before, self.after
        lines = [self.plan, "", "links (edges, share of the possible ones):"]
        for source, target, edges, share in self.links:
            lines.append(f"  {self.names[source]} → {self.names[target]}: {edges:,} ({share:.1%})")
        lines += [
            "",
            f"{'':24}{'before':>16}{'after':>16}",
            f"{'weights':24}{before.weights:>16,}{after.weights:>16,}",
            f"{'parameters':24}{before.parameters:>16,}{after.parameters:>16,}",
            f"{'multiplications':24}{before.macs:>16,}{after.macs:>16,}",
        ]
        sides = (self.small_worldness_before, self.small_worldness_after)
        rows = (("clustering C", "clustering"), ("path length L", "path_length"), ("small-worldness S", "S"))
        for label, name in rows:
            figures = ["not defined" if side is None else f"{getattr(side, name):.4f}" for side in sides]
            lines.append(f"{label:24}{figures[0]:>16}{figures[1]:>16}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values, the plan as text."""
        value = asdict(self)
        for name in ("small_worldness_before", "small_worldness_after"):
            figures = getattr(self, name)
            value[name] = None if figures is None else json.loads(figures.to_json())
        return value


def _figures(before: LayerGraph, after: LayerGraph) -> tuple[SmallWorldness, SmallWorldness] | tuple[None, None]:
    """Return the small-worldness of both graphs against the same random ones, or None where S is not defined."""
    try:
        random = reference(before.n_nodes, before.n_edges)
        return small_worldness(before, references=random), small_worldness(after, references=random)
    except InvalidValueError:
        return None, None


def summary(network: SmallWorldNetwork) -> Summary:
    """Return layers, links, parameters, multiplications and small-worldness of a network before and after.

    Args:
        network: a small-world network.

    Returns:
        A summary that prints as a table.
    """
    plan = network.plan
    graph, baseline = plan.rewiring.graph, plan.chain.graph()
    links = tuple((source, target, int(block.sum()), float(block.mean())) for source, target, block in graph.blocks())
    figures_before, figures_after = _figures(baseline, graph)
    return Summary(
        str(plan),
        links,
        count_chain(plan.chain),
        count_plan(plan),
        figures_before,
        figures_after,
        ("input", *(layer.name for layer in plan.chain.layers)),
    )
