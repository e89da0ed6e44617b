"""Training on real data: `fit` records error and loss, `compare` says how much sooner one model gets there."""

from ._comparison import Comparison as Comparison
from ._comparison import Crossing as Crossing
from ._comparison import Point as Point
from ._comparison import compare as compare
from ._config import AugmentConfig as AugmentConfig
from ._config import TrainingConfig as TrainingConfig
from ._fabric import launch as launch
from ._history import Evaluation as Evaluation
from ._history import History as History
from ._history import curves_to_csv as curves_to_csv
from ._loop import fit as fit
from ._optimizer import OptimizerConfig as OptimizerConfig
from ._plot import plot as plot
from ._run import Progress as Progress
from ._run import TrainingDivergedError as TrainingDivergedError
from ._schedule import ScheduleConfig as ScheduleConfig
from ._statistics import Estimate as Estimate
from ._table import comparison_markdown as comparison_markdown
from ._table import comparison_table as comparison_table

__all__ = [
    "AugmentConfig",
    "Comparison",
    "Crossing",
    "Estimate",
    "Evaluation",
    "History",
    "OptimizerConfig",
    "Point",
    "Progress",
    "ScheduleConfig",
    "TrainingConfig",
    "TrainingDivergedError",
    "compare",
    "comparison_markdown",
    "comparison_table",
    "curves_to_csv",
    "fit",
    "launch",
    "plot",
]
