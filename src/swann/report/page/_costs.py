"""Parameters, multiplications and memory of a network, before and after rewiring."""

from collections.abc import Sequence

from ...convert import Counts, count_chain_layers, count_plan_layers
from ...nn import Plan
from ...trace import Chain
from ._parts import Rows, Section, Table

_FIGURES = (
    ("weights", "weights"),
    ("parameters", "parameters"),
    ("multiplications (MACs) of an input", "macs"),
    ("memory of the maps of an input (bytes)", "activation_bytes"),
)
_NOTES = (
    "Memory: of the float32 maps that are written at inference, as if no operation were fused; without weights.",
    "As run: by the masked backend, which computes links as whole blocks with zeros.",
)


def costs(chain: Chain, plan: Plan | None) -> Section:
    """Return the costs of a network in all and of each layer.

    Args:
        chain: its layers before rewiring.
        plan: how it was rewired; None for a plain chain.
    """
    columns = {"baseline": count_chain_layers(chain)}
    if plan is not None:
        columns["twin"] = count_plan_layers(plan)
        columns["twin as run"] = count_plan_layers(plan, as_executed=True)
    totals = [Counts.total(layers) for layers in columns.values()]
    rows = [(label, *(f"{getattr(total, name):,}" for total in totals)) for label, name in _FIGURES]
    notes = _NOTES if plan is not None else _NOTES[:1]
    table = Table.of_rows("Costs in all", ("", *columns), rows, notes=notes)
    names = ["input", *(layer.name for layer in chain.layers)]
    groups = tuple(
        Rows(
            label,
            tuple(
                _row(name, [layers[number] for layers in columns.values()], figure) for number, name in enumerate(names)
            ),
        )
        for label, figure in _FIGURES[1:]
    )
    return Section("Costs", tables=(table,), folded=(Table("Costs of each layer", ("layer", *columns), groups),))


def _row(name: str, counts: Sequence[Counts], figure: str) -> tuple[str, ...]:
    return (name, *(f"{getattr(each, figure):,}" for each in counts))
