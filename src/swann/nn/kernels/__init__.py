"""Convolutions and linear layers computed from existing edges alone."""

from ._blocks import BLOCK, apply_to_blocks, from_blocks, to_blocks
from ._columns import SMALL_BATCH, needs_columns, to_columns
from ._compile import processor, vector_bytes
from ._geometry import LinkShape, unflatten
from ._operator import layer_from_rows, sparse_layer
from ._rows import extents, fits_rows, to_rows
from ._shared import SharedGradients, shared_layer
from ._wiring import wiring

__all__ = [
    "BLOCK",
    "SMALL_BATCH",
    "LinkShape",
    "SharedGradients",
    "apply_to_blocks",
    "extents",
    "fits_rows",
    "from_blocks",
    "layer_from_rows",
    "needs_columns",
    "processor",
    "shared_layer",
    "sparse_layer",
    "to_blocks",
    "to_columns",
    "to_rows",
    "unflatten",
    "vector_bytes",
    "wiring",
]
