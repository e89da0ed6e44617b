from typing import overload

import torch

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
    """
    network: SmallWorldNetwork | SmallWorldDenseNet
    with torch.random.fork_rng(devices=[]):  # norms and activations may draw their own first values
        network = SmallWorldNetwork(plan) if isinstance(plan, Plan) else SmallWorldDenseNet(plan)
    initialise_(network, torch.Generator().manual_seed(seed))
    return network
