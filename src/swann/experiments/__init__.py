"""Comparisons of networks, and the directories that hold their results."""

from ._compare import BASELINE, PAPER_ORDER, TWIN, InterruptedRunError, run_comparison, variants
from ._environment import environment
from ._run_directory import MARKER, RunDirectory
from ._table2 import Table2, reproduce_table2
from ._table2_table import table2_markdown, table2_tables, table2_verdict

__all__ = [
    "BASELINE",
    "MARKER",
    "PAPER_ORDER",
    "TWIN",
    "InterruptedRunError",
    "RunDirectory",
    "Table2",
    "environment",
    "reproduce_table2",
    "run_comparison",
    "table2_markdown",
    "table2_tables",
    "table2_verdict",
    "variants",
]
