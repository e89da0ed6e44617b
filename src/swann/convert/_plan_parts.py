from collections.abc import Sequence
from typing import Any

from .._errors import InvalidValueError
from ..graph import LayerGraph
from ..nn import DenseNetPlan, Order, Plan
from ..smallworld import Draw, Rewiring, check_probability, rewire
from ..trace import Chain


def rewired_graphs(parts: Sequence[Chain]) -> tuple[LayerGraph, ...]:
    """Return the graphs of the chains that are rewired: those of the dense blocks, or of the only chain.

    Args:
        parts: the chains of a network, as `swann.trace_parts` returns them.
    """
    return tuple(part.graph() for part in _rewired(parts))


def plan_parts(
    parts: Sequence[Chain],
    p: float | Sequence[float],
    *,
    seed: int = 0,
    draw: Draw = "nodes",
    repair: bool = True,
    order: Order = "paper",
    granularity: int = 1,
) -> Plan | DenseNetPlan:
    """Return the plan of a network's small-world twin.

    Each dense block is rewired on its own, with the same seed; what stands between dense blocks is not rewired and
    keeps its order of operations.

    Args:
        parts: the chains of the network, as `swann.trace_parts` returns them.
        p: the rewiring probability, or one for each dense block.
        seed: as for `convert`, like the other arguments.
        draw: as for `convert`.
        repair: as for `convert`.
        order: as for `convert`.
        granularity: as for `convert`.

    Raises:
        InvalidValueError: a probability is not in [0, 1], there are as many as there are no blocks, or the granularity
            does not fit.
        UnknownNameError: `draw` or `order` is not known.
    """
    probabilities = iter(check_probabilities(p, len(_rewired(parts))))

    def rewired(chain: Chain) -> Rewiring:
        return rewire(chain.graph(), next(probabilities), seed=seed, draw=draw, repair=repair, granularity=granularity)

    if len(parts) == 1 and not parts[0].dense:
        return Plan(parts[0], rewired(parts[0]), order)
    return DenseNetPlan(
        tuple(
            Plan(part, rewired(part), order) if part.dense else Plan(part, rewire(part.graph(), 0.0), "keep")
            for part in parts
        )
    )


def check_probabilities(p: float | Sequence[float], n_graphs: int) -> tuple[float, ...]:
    """Return one probability for each graph that is rewired.

    Raises:
        InvalidValueError: a probability is not in [0, 1], or there is another number of them.
    """
    given = each_probability(p)
    for each in given:
        check_probability(each)
    if given is not p:
        return tuple(given) * n_graphs
    if len(given) != n_graphs:
        of_what = "dense blocks" if n_graphs > 1 else "dense block or chain"
        raise InvalidValueError(
            f"p has {len(given)} probabilities; expected one number, or {n_graphs} for {n_graphs} {of_what}"
        )
    return tuple(given)


def each_probability(p: Any) -> Sequence[float]:
    """Return several probabilities as they are, and a single one, or what else was given for it, as a tuple."""
    return p if isinstance(p, Sequence) and not isinstance(p, (str, bytes)) else (p,)


def _rewired(parts: Sequence[Chain]) -> Sequence[Chain]:
    return parts if len(parts) == 1 else [part for part in parts if part.dense]
