"""Convolutions and linear layers computed from existing edges alone."""

from ._arena import Held
from ._arrangement import Arrangement, arrangements, pairs_of
from ._assembly import Pass
from ._batch_norm import batch_norm
from ._block_map import BlockMap
from ._block_steps import (
    Norm,
    add_average,
    add_average_gradient,
    add_bias_gradient,
    add_drop,
    add_fill,
    add_finish,
    add_halves,
    add_norm_gradient,
    add_pool_gradient,
    add_rectify_gradient,
    add_statistics,
)
from ._blocks import BLOCK, apply_by_channel, apply_to_blocks, from_blocks, to_blocks
from ._check import check_types
from ._code import Element
from ._compile import processor, vector_bytes
from ._finish_assembly import MAX_TAPS, Finish, MaxPool, Step
from ._finished_layer import Finishing, finished
from ._geometry import LinkShape, unflatten
from ._halves import can_halve, has_halves, to_halves
from ._node_rows import (
    StoredMap,
    constant,
    copy_row,
    fill_row,
    link_row,
    normalise_row,
    pool_rows,
    rectify_row,
)
from ._operator import check_backward, sparse_layer
from ._rows import n_places_in_rows, row_lanes
from ._schedule import Address, Given, Row, Schedule, ScheduleBuilder, Workspace
from ._script import Script, ScriptBuilder, block_of_memory, borrowed_memory
from ._shared import SharedGradients, shared_layer, shared_pool
from ._small import SMALL_BATCH, Operand, arranged, small_layer
from ._windows import Axis, adaptive_axis, strided_axis
from ._wiring import addresses_by_source, addresses_by_target, offsets_by_source, offsets_by_target, places, wiring

__all__ = [
    "BLOCK",
    "MAX_TAPS",
    "SMALL_BATCH",
    "Address",
    "Arrangement",
    "Axis",
    "BlockMap",
    "Element",
    "Finish",
    "Finishing",
    "Given",
    "Held",
    "LinkShape",
    "MaxPool",
    "Norm",
    "Operand",
    "Pass",
    "Row",
    "Schedule",
    "ScheduleBuilder",
    "Script",
    "ScriptBuilder",
    "SharedGradients",
    "Step",
    "StoredMap",
    "Workspace",
    "adaptive_axis",
    "add_average",
    "add_average_gradient",
    "add_bias_gradient",
    "add_drop",
    "add_fill",
    "add_finish",
    "add_halves",
    "add_norm_gradient",
    "add_pool_gradient",
    "add_rectify_gradient",
    "add_statistics",
    "addresses_by_source",
    "addresses_by_target",
    "apply_by_channel",
    "apply_to_blocks",
    "arranged",
    "arrangements",
    "batch_norm",
    "block_of_memory",
    "borrowed_memory",
    "can_halve",
    "check_backward",
    "check_types",
    "constant",
    "copy_row",
    "fill_row",
    "finished",
    "from_blocks",
    "has_halves",
    "link_row",
    "n_places_in_rows",
    "normalise_row",
    "offsets_by_source",
    "offsets_by_target",
    "pairs_of",
    "places",
    "pool_rows",
    "processor",
    "rectify_row",
    "row_lanes",
    "shared_layer",
    "shared_pool",
    "small_layer",
    "sparse_layer",
    "strided_axis",
    "to_blocks",
    "to_halves",
    "unflatten",
    "vector_bytes",
    "wiring",
]
