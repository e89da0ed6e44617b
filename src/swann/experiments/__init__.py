"""Comparisons of networks, and the directories that hold their results."""

from .._files import MARKER
from ._architectures import Architecture, architectures, architectures_markdown, architectures_table
from ._bench import UnequalOutputsError, bench
from ._bench_result import Bench, Case, PeakMemory, Spread, spread
from ._bench_settings import PRECISIONS, BenchSettings, available_cores
from ._bench_table import bench_figures, bench_markdown, bench_table
from ._compare import BASELINE, PAPER_ORDER, RANDOM, TWIN, Factory, InterruptedRunError, run_comparison, variants
from ._environment import environment
from ._personalize import Personalized, personalize
from ._recipe import ALIASES, Recipe, load_recipe, recipe_names
from ._recipe_notes import recipe_notes
from ._recipe_page import paper_table, recipe_markdown
from ._run_directory import RunDirectory
from ._study import CONTROL, Study, load_study, studies_by_data, study_names
from ._study_run import Effect, effects, run_study
from ._study_settings import StudyNetwork
from ._study_table import study_markdown, study_table
from ._sweep import SweepPoint, sweep_markdown, sweep_networks, sweep_points, sweep_table
from ._table2 import Table2, reproduce_table2
from ._table2_table import table2_markdown, table2_tables, table2_verdict
from ._weights import mean_weights

__all__ = [
    "ALIASES",
    "BASELINE",
    "CONTROL",
    "MARKER",
    "PAPER_ORDER",
    "PRECISIONS",
    "RANDOM",
    "TWIN",
    "Architecture",
    "Bench",
    "BenchSettings",
    "Case",
    "Effect",
    "Factory",
    "InterruptedRunError",
    "PeakMemory",
    "Personalized",
    "Recipe",
    "RunDirectory",
    "Spread",
    "Study",
    "StudyNetwork",
    "SweepPoint",
    "Table2",
    "UnequalOutputsError",
    "architectures",
    "architectures_markdown",
    "architectures_table",
    "available_cores",
    "bench",
    "bench_figures",
    "bench_markdown",
    "bench_table",
    "effects",
    "environment",
    "load_recipe",
    "load_study",
    "mean_weights",
    "paper_table",
    "personalize",
    "recipe_markdown",
    "recipe_names",
    "recipe_notes",
    "reproduce_table2",
    "run_comparison",
    "run_study",
    "spread",
    "studies_by_data",
    "study_markdown",
    "study_names",
    "study_table",
    "sweep_markdown",
    "sweep_networks",
    "sweep_points",
    "sweep_table",
    "table2_markdown",
    "table2_tables",
    "table2_verdict",
    "variants",
]
