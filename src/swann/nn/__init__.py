"""Small-world networks as PyTorch modules."""

from ._geometry import Geometry, link_geometry, strided
from ._initialise import initialise_
from ._link import Link
from ._network import SmallWorldLayer, SmallWorldNetwork, build
from ._plan import Order, Plan, paper_order
from .costs import Costs, calibrate, costs_path

__all__ = [
    "Costs",
    "Geometry",
    "Link",
    "Order",
    "Plan",
    "SmallWorldLayer",
    "SmallWorldNetwork",
    "build",
    "calibrate",
    "costs_path",
    "initialise_",
    "link_geometry",
    "paper_order",
    "strided",
]
