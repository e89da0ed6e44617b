"""Rewire feed-forward networks into small-world ones before training.

>>> import torch, swann
>>> model = swann.models.mnist5()
>>> twin = swann.convert(model, torch.zeros(1, 1, 28, 28), p=0.5, seed=0)
>>> print(twin.plan.rewiring.graph)
LayerGraph(1-6-16-120-84-10: 237 nodes, 12,942 edges)
"""

import importlib
import sys
from importlib.metadata import version
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._errors import (
    DataError,
    FileFormatError,
    InvalidValueError,
    LeftOutWarning,
    MissingDataError,
    MissingExtraError,
    OutputError,
    SwannError,
    TraceError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from . import models
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
    "LeftOutWarning",
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

_PACKAGES = ("data", "graph", "models", "nn", "smallworld", "train")
_HOMES = {
    "convert": ("convert", "copy_kept_weights_", "load", "save", "summary"),
    "graph": ("LayerGraph",),
    "nn": ("DenseNetPlan", "Plan", "SmallWorldDenseNet", "SmallWorldNetwork", "build"),
    "smallworld": ("measure", "rewire", "search", "small_worldness"),
    "trace": ("trace", "trace_parts"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}


class _Package(ModuleType):
    """Imports PyTorch, seconds of it, when the first name that needs it is used.

    `convert` and `trace` are the functions of these names; Python would set them to the packages that they are in.
    """

    def __getattr__(self, name: str) -> Any:
        if name in _HOME:
            found = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
        elif name in _PACKAGES:
            found = importlib.import_module(f"{__name__}.{name}")
        else:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        setattr(self, name, found)
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _HOME or not isinstance(value, ModuleType):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_HOME, *_PACKAGES})


sys.modules[__name__].__class__ = _Package
