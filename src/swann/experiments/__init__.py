"""Comparisons of networks, and the directories that hold their results."""

from ._bench import UnequalOutputsError, bench
from ._bench_result import Bench, Case, PeakMemory, Spread, spread
from ._bench_settings import BenchSettings, available_cores
from ._bench_table import bench_markdown, bench_table
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
    "Bench",
    "BenchSettings",
    "Case",
    "InterruptedRunError",
    "PeakMemory",
    "RunDirectory",
    "Spread",
    "Table2",
    "UnequalOutputsError",
    "available_cores",
    "bench",
    "bench_markdown",
    "bench_table",
    "environment",
    "reproduce_table2",
    "run_comparison",
    "spread",
    "table2_markdown",
    "table2_tables",
    "table2_verdict",
    "variants",
]
