"""What links take on this processor, and which of them are to be computed densely."""

from ._calibrate import calibrate
from ._choice import Choice, choose
from ._costs import Costs, LinkCosts
from ._kept import costs_here, costs_path
from ._network_choice import choose_for

__all__ = ["Choice", "Costs", "LinkCosts", "calibrate", "choose", "choose_for", "costs_here", "costs_path"]
