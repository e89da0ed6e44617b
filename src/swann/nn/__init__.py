"""Small-world networks as PyTorch modules."""

from ._build import build
from ._dense_net import SmallWorldDenseNet
from ._dense_net_plan import DenseNetPlan, plan_from_json
from ._geometry import Geometry, link_geometry, strided
from ._initialise import fan_ins, initialise_
from ._link import Link
from ._network import Backend, SmallWorldLayer, SmallWorldNetwork
from ._plan import Order, Plan, paper_order
from .costs import Costs, calibrate, costs_path

__all__ = [
    "Backend",
    "Costs",
    "DenseNetPlan",
    "Geometry",
    "Link",
    "Order",
    "Plan",
    "SmallWorldDenseNet",
    "SmallWorldLayer",
    "SmallWorldNetwork",
    "build",
    "calibrate",
    "costs_path",
    "fan_ins",
    "initialise_",
    "link_geometry",
    "paper_order",
    "plan_from_json",
    "strided",
]
