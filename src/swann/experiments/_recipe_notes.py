"""What a page of trainings says below its table: the costs of the networks, and what the controls are for."""

from ..convert import count_plan
from ..nn import DenseNetPlan, Plan
from ._architectures import weights_and_macs

_CONTROLS = (
    "The paper's order of operations with nothing rewired tells what that order alone gives; all edges rewired, what "
    "long links give without the search for p. A random graph with as many edges between every two layers is no "
    "control beside these: the rewired graph is one (docs/decisions/0007-what-a-comparison-is.md)."
)


def recipe_notes(plan: Plan | DenseNetPlan) -> str:
    """Return the costs of a baseline and its twin, and the meaning of the controls, as items of a Markdown list.

    Args:
        plan: of the twin.
    """
    plans = (plan,) if isinstance(plan, Plan) else plan.parts
    weights, macs = map(sum, zip(*(weights_and_macs(part.chain) for part in plans), strict=True))
    twin = [count_plan(part) for part in plans]
    costs = (
        f"Weights of convolutions and linear layers: {weights:,} of the baseline's layers, "
        f"{sum(one.weights for one in twin):,} of the twin; multiplications for an image: "
        f"{macs / 1e6:,.1f} million and {sum(one.macs for one in twin) / 1e6:,.1f} million."
    )
    return f"- {costs}\n- {_CONTROLS}\n"
