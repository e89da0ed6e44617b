from typing import overload

from ..nn import SmallWorldDenseNet, SmallWorldNetwork
from ._check_network import check_network
from ._dense_net_summary import DenseNetSummary, dense_net_summary
from ._summary import Summary, plan_summary


@overload
def summary(network: SmallWorldNetwork) -> Summary: ...


@overload
def summary(network: SmallWorldDenseNet) -> DenseNetSummary: ...


def summary(network: SmallWorldNetwork | SmallWorldDenseNet) -> Summary | DenseNetSummary:
    """Return layers, links, small-worldness and costs of a network before and after.

    The costs are parameters, multiplications and the bytes of the maps that are written (see `Counts`), of each layer
    and in all, for the plain chain, for the edges that exist and for what the masked backend executes. For the twin of
    a DenseNet there are the DenseNet's own weights and multiplications too, and a summary of each block.

    Args:
        network: a small-world network.

    Returns:
        A summary that prints as tables.

    Raises:
        InvalidValueError: this is no small-world network.
    """
    check_network(network)
    return plan_summary(network.plan) if isinstance(network, SmallWorldNetwork) else dense_net_summary(network.plan)
