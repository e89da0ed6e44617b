from dataclasses import asdict, dataclass
from typing import Any

from ..nn import DenseNetPlan, Plan
from ._counts import Counts, count_chain, count_dense_block, count_plan
from ._summary import Summary, plan_summary, short

_NAME_WIDTH = 15


@dataclass(frozen=True)
class PartSummary:
    """What a conversion changed in a dense block of a DenseNet, or the costs of what stands between two blocks.

    Args:
        name: `"dense block 1"`, `"dense block 2"`, …, or the name of the first layer of what stands between.
        dense_weights: weights of convolutions and linear layers in the DenseNet.
        dense_macs: multiplications of these with inputs for one input of the network.
        before: the counts of the chain.
        after: the counts of the edges that exist.
        executed: the counts as the masked backend executes them, zeros included.
        block: links and small-worldness of a dense block; None for what stands between.
    """

    name: str
    dense_weights: int
    dense_macs: int
    before: Counts
    after: Counts
    executed: Counts
    block: Summary | None


@dataclass(frozen=True)
class DenseNetSummary:
    """What the conversion of a DenseNet changed: counts of the whole and of its parts.

    Args:
        parts: the dense blocks and what stands between them, in order.
        probabilities: the rewiring probability of each dense block.
        left_out: lines about shortcuts that were left out.
    """

    parts: tuple[PartSummary, ...]
    probabilities: tuple[float, ...]
    left_out: tuple[str, ...] = ()

    @property
    def blocks(self) -> tuple[Summary, ...]:
        """The summaries of the dense blocks; in these, "before" is the block's chain."""
        return tuple(part.block for part in self.parts if part.block is not None)

    @property
    def dense_weights(self) -> int:
        """Weights of convolutions and linear layers in the DenseNet."""
        return sum(part.dense_weights for part in self.parts)

    @property
    def dense_macs(self) -> int:
        """Multiplications of weights with inputs in the DenseNet, for one input."""
        return sum(part.dense_macs for part in self.parts)

    @property
    def before(self) -> Counts:
        """The counts of the chains, before rewiring."""
        return Counts.total(part.before for part in self.parts)

    @property
    def after(self) -> Counts:
        """The counts of the small-world network."""
        return Counts.total(part.after for part in self.parts)

    @property
    def executed(self) -> Counts:
        """The counts as the masked backend executes the network."""
        return Counts.total(part.executed for part in self.parts)

    def __str__(self) -> str:
        sides = (self.before, self.after, self.executed)
        lines = [
            "DenseNet: each layer of a dense block reads all maps before it. Chain: the one",
            "before it alone, but for the first layer. After: the edges that exist, once the",
            "blocks' chains are rewired. As run: by the masked backend, with zeros.",
            *self.left_out,
            "",
            f"{'':18}{'DenseNet':>15}{'chain':>15}{'after':>15}{'as run':>15}",
        ]
        for label, name, dense in (
            ("weights", "weights", f"{self.dense_weights:,}"),
            ("multiplications", "macs", f"{self.dense_macs:,}"),
            ("parameters", "parameters", ""),
            ("activation bytes", "activation_bytes", ""),
        ):
            lines.append(f"{label:18}{dense:>15}" + "".join(f"{getattr(side, name):>15,}" for side in sides))
        lines += [
            "",
            f"{'':{_NAME_WIDTH}}{'':7}{'S':>14}{'weights':>16}{'multiplications':>27}",
            f"{'part':{_NAME_WIDTH}}{'p':>7}{'chain':>7}{'after':>7}{'DenseNet':>9}{'after':>7}"
            f"{'DenseNet':>10}{'after':>8}{'as run':>9}",
        ]
        probabilities = iter(self.probabilities)
        for part in self.parts:
            p, *S = ("", "", "") if part.block is None else (f"{next(probabilities):g}", *_small_worldness(part.block))
            name = part.name if len(part.name) < _NAME_WIDTH else "…" + part.name[2 - _NAME_WIDTH :]
            macs = (part.dense_macs, part.after.macs, part.executed.macs)
            lines.append(
                f"{name:{_NAME_WIDTH}}{p:>7}{S[0]:>7}{S[1]:>7}{short(part.dense_weights):>9}"
                f"{short(part.after.weights):>7}{short(macs[0]):>10}{short(macs[1]):>8}{short(macs[2]):>9}"
            )
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the figures as JSON values, the plans of the blocks as text."""
        parts = []
        for part in self.parts:
            value = asdict(part)
            value["block"] = None if part.block is None else part.block.to_json()
            parts.append(value)
        return {
            "dense_weights": self.dense_weights,
            "dense_macs": self.dense_macs,
            "before": asdict(self.before),
            "after": asdict(self.after),
            "executed": asdict(self.executed),
            "probabilities": list(self.probabilities),
            "left_out": list(self.left_out),
            "parts": parts,
        }


def dense_net_summary(plan: DenseNetPlan) -> DenseNetSummary:
    """Return the costs of a DenseNet and its twin, and links and small-worldness of the twin's blocks."""
    parts, number = [], 0
    for part in plan.parts:
        number += part.chain.dense
        parts.append(_part(part, number))
    probabilities = tuple(block.rewiring.rewiring_probability for block in plan.blocks)
    left_out = tuple(line for part in plan.parts for line in part.chain.left_out())
    return DenseNetSummary(tuple(parts), probabilities, left_out)


def _part(plan: Plan, number: int) -> PartSummary:
    if plan.chain.dense:
        block = plan_summary(plan)
        counts = (block.before, block.after, block.executed)
        return PartSummary(f"dense block {number}", *count_dense_block(plan.chain), *counts, block)
    before = count_chain(plan.chain)
    counts = (before, count_plan(plan), count_plan(plan, as_executed=True))
    return PartSummary(plan.chain.layers[0].name, before.weights, before.macs, *counts, None)


def _small_worldness(block: Summary) -> tuple[str, ...]:
    sides = (block.small_worldness_before, block.small_worldness_after)
    return tuple("—" if side is None else f"{side.S:.2f}" for side in sides)
