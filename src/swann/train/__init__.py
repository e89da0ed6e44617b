"""Training on real data: `fit` records error and loss, `compare` says how much sooner one model gets there."""

from ._comparison import Comparison, Crossing, Point, compare
from ._config import AugmentConfig, TrainingConfig
from ._fabric import launch
from ._history import Evaluation, History, curves_from_csv, curves_to_csv
from ._loop import fit
from ._optimizer import OptimizerConfig
from ._plot import plot
from ._run import Progress, TrainingDivergedError
from ._schedule import ScheduleConfig
from ._statistics import Estimate, mean_estimate, ratio_estimate
from ._table import ComparisonGrid, comparison_grid, comparison_markdown, comparison_table
from ._tensorboard import TensorBoardLogs

__all__ = [
    "AugmentConfig",
    "Comparison",
    "ComparisonGrid",
    "Crossing",
    "Estimate",
    "Evaluation",
    "History",
    "OptimizerConfig",
    "Point",
    "Progress",
    "ScheduleConfig",
    "TensorBoardLogs",
    "TrainingConfig",
    "TrainingDivergedError",
    "compare",
    "comparison_grid",
    "comparison_markdown",
    "comparison_table",
    "curves_from_csv",
    "curves_to_csv",
    "fit",
    "launch",
    "mean_estimate",
    "plot",
    "ratio_estimate",
]
