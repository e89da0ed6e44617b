"""Comparisons of networks, and the directories that hold their results."""

from ._compare import BASELINE, PAPER_ORDER, TWIN, InterruptedRunError, run_comparison, variants
from ._environment import environment
from ._run_directory import MARKER, RunDirectory

__all__ = [
    "BASELINE",
    "MARKER",
    "PAPER_ORDER",
    "TWIN",
    "InterruptedRunError",
    "RunDirectory",
    "environment",
    "run_comparison",
    "variants",
]
