from typing import overload

import torch

from .._errors import InvalidValueError
from ._dense_net import SmallWorldDenseNet
from ._dense_net_plan import DenseNetPlan
from ._initialise import initialise_
from ._network import SmallWorldNetwork
from ._plan import Plan


@overload
def build(plan: Plan, *, seed: int = 0) -> SmallWorldNetwork: ...


@overload
def build(plan: DenseNetPlan, *, seed: int = 0) -> SmallWorldDenseNet: ...


def build(plan: Plan | DenseNetPlan, *, seed: int = 0) -> SmallWorldNetwork | SmallWorldDenseNet:
    """Return the network of a plan with new weights.

    Args:
        plan: what the network consists of.
        seed: seeds the weights; no global random state is touched.

    Raises:
        InvalidValueError: this is no plan.
    """
    if not isinstance(plan, (Plan, DenseNetPlan)):
        raise InvalidValueError(
            f"expected a plan, got {type(plan).__name__}; make one: swann.Plan(chain, rewiring), or use swann.convert"
        )
    network: SmallWorldNetwork | SmallWorldDenseNet
    with torch.random.fork_rng(devices=[]):  # norms and activations may draw their own first values
        network = SmallWorldNetwork(plan) if isinstance(plan, Plan) else SmallWorldDenseNet(plan)
    initialise_(network, torch.Generator().manual_seed(seed))
    return network
