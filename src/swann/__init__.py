"""Rewire feed-forward networks into small-world ones before training.

>>> import torch, swann
>>> model = swann.models.mnist5()
>>> twin = swann.convert(model, torch.zeros(1, 1, 28, 28), p=0.5, seed=0)
>>> print(twin.plan.rewiring.graph)
LayerGraph(1-6-16-120-84-10: 237 nodes, 12,942 edges)
"""

from importlib.metadata import version

from . import models
from ._errors import (
    DataError,
    FileFormatError,
    InvalidValueError,
    MissingDataError,
    MissingExtraError,
    OutputError,
    SwannError,
    TraceError,
    UnknownNameError,
)
from .convert import convert, copy_kept_weights_, load, save, summary
from .graph import LayerGraph
from .nn import DenseNetPlan, Plan, SmallWorldDenseNet, SmallWorldNetwork, build
from .smallworld import measure, rewire, search, small_worldness
from .trace import trace, trace_parts

__version__ = version("swann")

__all__ = [
    "DataError",
    "DenseNetPlan",
    "FileFormatError",
    "InvalidValueError",
    "LayerGraph",
    "MissingDataError",
    "MissingExtraError",
    "OutputError",
    "Plan",
    "SmallWorldDenseNet",
    "SmallWorldNetwork",
    "SwannError",
    "TraceError",
    "UnknownNameError",
    "build",
    "convert",
    "copy_kept_weights_",
    "load",
    "measure",
    "models",
    "rewire",
    "save",
    "search",
    "small_worldness",
    "summary",
    "trace",
    "trace_parts",
]
