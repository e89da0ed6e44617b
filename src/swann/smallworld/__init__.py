"""How small-world a network is, and how to rewire it until it is."""

from ._rewire import Draw, Rewiring, check_probability, rewire

__all__ = ["Draw", "Rewiring", "check_probability", "rewire"]
