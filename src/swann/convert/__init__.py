"""The one call that turns a network into its small-world twin, and what belongs to it."""

from ._convert import convert
from ._counts import Counts, count_chain, count_chain_layers, count_plan, count_plan_layers
from ._save import load, save
from ._summary import Summary, summary
from ._transfer import copy_kept_weights_

__all__ = [
    "Counts",
    "Summary",
    "convert",
    "copy_kept_weights_",
    "count_chain",
    "count_chain_layers",
    "count_plan",
    "count_plan_layers",
    "load",
    "save",
    "summary",
]
