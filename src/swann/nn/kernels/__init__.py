"""Convolutions and linear layers computed from existing edges alone."""

from ._blocks import apply_to_blocks, from_blocks, to_blocks
from ._columns import needs_columns, to_columns
from ._geometry import LinkShape, unflatten
from ._operator import sparse_layer
from ._shared import SharedGradients, shared_layer
from ._wiring import wiring

__all__ = [
    "LinkShape",
    "SharedGradients",
    "apply_to_blocks",
    "from_blocks",
    "needs_columns",
    "shared_layer",
    "sparse_layer",
    "to_blocks",
    "to_columns",
    "unflatten",
    "wiring",
]
