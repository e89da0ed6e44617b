"""The one call that turns a network into its small-world twin, and what belongs to it."""

from ._convert import convert
from ._counts import Counts, count_chain, count_chain_layers, count_dense_block, count_plan, count_plan_layers
from ._dense_net_summary import DenseNetSummary
from ._left_out import warn_of_shortcuts
from ._plan_parts import plan_parts, rewired_graphs
from ._save import load, save
from ._summarise import summary
from ._summary import Summary
from ._transfer import copy_kept_weights_

__all__ = [
    "Counts",
    "DenseNetSummary",
    "Summary",
    "convert",
    "copy_kept_weights_",
    "count_chain",
    "count_chain_layers",
    "count_dense_block",
    "count_plan",
    "count_plan_layers",
    "load",
    "plan_parts",
    "rewired_graphs",
    "save",
    "summary",
    "warn_of_shortcuts",
]
