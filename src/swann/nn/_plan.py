import hashlib
import json
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from .._errors import FileFormatError, UnknownNameError, near_matches
from ..graph import from_json as graph_from_json
from ..graph import to_json as graph_to_json
from ..smallworld import Rewiring, check_granularity, check_probability
from ..trace import KINDS, Chain, Layer, Stage

Order = Literal["paper", "keep"]
VERSION = 1

_FIXED_NORMS = ("LayerNorm",)  # their weights are bound to the size of the map
_LOCAL_POOLS = ("AvgPool", "LPPool", "MaxPool")


@dataclass(frozen=True)
class Plan:
    """All that decides a small-world network but its weights.

    Args:
        chain: the layers of the network that it comes from.
        rewiring: the rewired graph and how it came about.
        order: the order of the operations after each layer: `"paper"` is activation → pooling → norm, `"keep"` the
            network's own.

    Raises:
        UnknownNameError: the order is not known.
        FileFormatError: the graph's layers are not the chain's, or an edge that cannot exist in a feed-forward
            network with the chain's weights.
    """

    chain: Chain
    rewiring: Rewiring
    order: Order = "paper"

    def __post_init__(self) -> None:
        if self.order not in get_args(Order):
            raise UnknownNameError(f"unknown order {self.order!r}: {near_matches(str(self.order), get_args(Order))}")
        baseline, graph = self.chain.graph(), self.rewiring.graph
        if graph.sizes != baseline.sizes:
            raise FileFormatError(f"the graph has layers {graph.sizes}, the chain {baseline.sizes}")
        if not np.array_equal(graph.out_degrees(), baseline.out_degrees()):
            raise FileFormatError("the graph's nodes have another number of outgoing edges than the chain's")

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input without the batch."""
        return self.chain.input_shape

    def n_weights(self) -> int:
        """Return the number of weights, without biases and norms."""
        return self.chain.n_weights()

    def links(self) -> list[tuple[int, int]]:
        """Return the pairs of layers `(source, target)` that share an edge."""
        return [(source, target) for source, target, _ in self.rewiring.graph.blocks()]

    def stages(self, layer: Layer) -> tuple[Stage, ...]:
        """Return the operations after a layer in the plan's order."""
        return paper_order(layer.stages) if self.order == "paper" else layer.stages

    def fingerprint(self) -> str:
        """Return the SHA-256 of the plan, by which two sides can tell that they hold the same one."""
        return hashlib.sha256(json.dumps(self.to_json(), sort_keys=True).encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the plan as JSON values."""
        rewiring = {name: value for name, value in vars(self.rewiring).items() if name != "graph"}
        return {
            "version": VERSION,
            "chain": self.chain.to_json(),
            "graph": graph_to_json(self.rewiring.graph),
            "rewiring": rewiring,
            "order": self.order,
        }

    @classmethod
    def from_json(cls, value: Any) -> "Plan":
        """Return the plan of JSON values as `to_json` makes them.

        Raises:
            FileFormatError: the values are not a plan's, or one of a newer version.
        """
        if not isinstance(value, dict) or "version" not in value:
            raise FileFormatError("not a plan: it has no version")
        if value["version"] != VERSION:
            raise FileFormatError(
                f"the plan is of version {value['version']!r}, this release reads version {VERSION}; "
                "use the release of swann that wrote it, or a newer one"
            )
        try:
            check_probability(value["rewiring"]["rewiring_probability"])
            check_granularity(value["rewiring"].get("granularity", 1))
            rewiring = Rewiring(graph=graph_from_json(value["graph"]), **value["rewiring"])
            return cls(Chain.from_json(value["chain"]), rewiring, value["order"])
        except FileFormatError:
            raise
        except (KeyError, TypeError, ValueError, LookupError) as error:
            raise FileFormatError(f"not a plan: {type(error).__name__}: {error}") from error

    def __str__(self) -> str:
        rewiring = self.rewiring
        size = rewiring.granularity
        return (
            f"{rewiring.graph}\n"
            f"p = {rewiring.rewiring_probability:g}, ends drawn over {rewiring.draw}, seed {rewiring.seed}, "
            f"{f'in blocks of {size}×{size} channels, ' if size > 1 else ''}"
            f"{'with' if rewiring.repair else 'without'} repair: {rewiring.n_moved:,} edges moved, "
            f"{rewiring.n_stuck:,} found no free end, {rewiring.n_dead:,} nodes lost every input"
            f"{' and got one back' if rewiring.repair and rewiring.n_dead else ''}\n"
            f"{len(self.links())} links between layers, order '{self.order}'\n{self.chain}"
        )


def paper_order(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """Return operations in the order activation → pooling → norm (SWANN paper, III-C3).

    Only the operations before a flattening, a padding or a global pooling change places, and none do where a norm's
    weights are bound to the size of the map.
    """
    ranks = []
    for stage in stages:
        kind = KINDS[stage.operation]
        local = kind in ("activation", "norm") or stage.operation.startswith(_LOCAL_POOLS)
        if not local:
            break
        ranks.append(("activation", "pool", "norm").index(kind))
    if any(stage.operation in _FIXED_NORMS for stage in stages[: len(ranks)]):
        return stages
    head = sorted(range(len(ranks)), key=lambda position: ranks[position])
    return (*(stages[position] for position in head), *stages[len(ranks) :])
