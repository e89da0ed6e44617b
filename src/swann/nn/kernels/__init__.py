"""Convolutions and linear layers computed from existing edges alone."""

from ._arrangement import Arrangement, arrangements, pairs_of
from ._batch_norm import batch_norm
from ._blocks import BLOCK, apply_to_blocks, from_blocks, to_blocks
from ._check import check_types
from ._columns import SMALL_BATCH, needs_columns, to_columns
from ._compile import processor, vector_bytes
from ._finish_assembly import MAX_TAPS, Finish, MaxPool, Step
from ._finished_layer import Finishing, finished
from ._geometry import LinkShape, unflatten
from ._operator import sparse_layer
from ._rows import n_places_in_rows, row_lanes
from ._shared import SharedGradients, shared_layer, shared_pool
from ._small import Operand, arranged, small_layer
from ._wiring import wiring

__all__ = [
    "BLOCK",
    "MAX_TAPS",
    "SMALL_BATCH",
    "Arrangement",
    "Finish",
    "Finishing",
    "LinkShape",
    "MaxPool",
    "Operand",
    "SharedGradients",
    "Step",
    "apply_to_blocks",
    "arranged",
    "arrangements",
    "batch_norm",
    "check_types",
    "finished",
    "from_blocks",
    "n_places_in_rows",
    "needs_columns",
    "pairs_of",
    "processor",
    "row_lanes",
    "shared_layer",
    "shared_pool",
    "small_layer",
    "sparse_layer",
    "to_blocks",
    "to_columns",
    "unflatten",
    "vector_bytes",
    "wiring",
]
