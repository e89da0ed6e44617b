"""Rewire feed-forward networks into small-world ones before training."""

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
from .trace import trace

__all__ = [
    "DataError",
    "FileFormatError",
    "InvalidValueError",
    "MissingDataError",
    "MissingExtraError",
    "OutputError",
    "SwannError",
    "TraceError",
    "UnknownNameError",
    "trace",
]
