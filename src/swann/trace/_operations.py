"""The operations between layers that are understood, and their description as data."""

import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .._errors import FileFormatError, TraceError
from ._chain import Stage, as_tuples
from ._kinds import KINDS, check_operation

_POOL_ARGUMENTS = {
    "max_pool": ("MaxPool", ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")),
    "avg_pool": (
        "AvgPool",
        ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"),
    ),
    "adaptive_avg_pool": ("AdaptiveAvgPool", ("output_size",)),
    "adaptive_max_pool": ("AdaptiveMaxPool", ("output_size", "return_indices")),
}
_FUNCTIONS: dict[Any, tuple[str, tuple[str, ...]]] = {
    **{
        getattr(F, f"{name}{n}d"): (f"{module}{n}d", arguments)
        for name, (module, arguments) in _POOL_ARGUMENTS.items()
        for n in (1, 2, 3)
    },
    F.relu: ("ReLU", ("inplace",)),
    F.relu6: ("ReLU6", ("inplace",)),
    F.leaky_relu: ("LeakyReLU", ("negative_slope", "inplace")),
    F.elu: ("ELU", ("alpha", "inplace")),
    F.selu: ("SELU", ("inplace",)),
    F.celu: ("CELU", ("alpha", "inplace")),
    F.gelu: ("GELU", ("approximate",)),
    F.silu: ("SiLU", ("inplace",)),
    F.mish: ("Mish", ("inplace",)),
    F.hardtanh: ("Hardtanh", ("min_val", "max_val", "inplace")),
    F.hardswish: ("Hardswish", ("inplace",)),
    F.hardsigmoid: ("Hardsigmoid", ("inplace",)),
    F.logsigmoid: ("LogSigmoid", ()),
    F.softplus: ("Softplus", ("beta", "threshold")),
    F.softsign: ("Softsign", ()),
    F.tanhshrink: ("Tanhshrink", ()),
    F.dropout: ("Dropout", ("p", "training", "inplace")),
    F.dropout1d: ("Dropout1d", ("p", "training", "inplace")),
    F.dropout2d: ("Dropout2d", ("p", "training", "inplace")),
    F.dropout3d: ("Dropout3d", ("p", "training", "inplace")),
    F.alpha_dropout: ("AlphaDropout", ("p", "training", "inplace")),
    F.feature_alpha_dropout: ("FeatureAlphaDropout", ("p", "training", "inplace")),
    F.local_response_norm: ("LocalResponseNorm", ("size", "alpha", "beta", "k")),
    F.softmax: ("Softmax", ("dim",)),
    F.log_softmax: ("LogSoftmax", ("dim",)),
    torch.relu: ("ReLU", ()),
    torch.relu_: ("ReLU", ()),
    torch.tanh: ("Tanh", ()),
    F.tanh: ("Tanh", ()),
    torch.sigmoid: ("Sigmoid", ()),
    F.sigmoid: ("Sigmoid", ()),
    torch.selu: ("SELU", ()),
    torch.softmax: ("Softmax", ("dim",)),
    torch.log_softmax: ("LogSoftmax", ("dim",)),
    "relu": ("ReLU", ()),
    "relu_": ("ReLU", ()),
    "tanh": ("Tanh", ()),
    "sigmoid": ("Sigmoid", ()),
    "softmax": ("Softmax", ("dim",)),
    "log_softmax": ("LogSoftmax", ("dim",)),
    "contiguous": ("Identity", ()),
}

ADDITIONS = {operator.add, operator.iadd, torch.add, "add", "add_", "__add__", "__iadd__"}
"""Calls that add two maps, as a shortcut does."""

RESHAPES = {torch.flatten, torch.reshape, torch.squeeze, "flatten", "reshape", "view", "squeeze"}
"""Calls that may flatten a map; whether they do is read off the shapes."""

MEANS = {torch.mean, "mean"}
"""Calls that may be a global average pooling."""


def describe_module(module: nn.Module, name: str) -> Stage | None:
    """Return the stage that performs what `module` does, or None where it is not understood."""
    operation = type(module).__name__
    if operation not in KINDS or type(module) is not getattr(nn, operation):
        return None
    arguments = {}
    for parameter in inspect.signature(type(module).__init__).parameters:
        if parameter in ("self", "args", "kwargs", "device", "dtype") or not hasattr(module, parameter):
            continue
        value = getattr(module, parameter)
        if parameter != "bias":
            arguments[parameter] = _plain(value)
        elif value is None or value is False:  # written only where it differs: older releases lack the argument
            arguments[parameter] = False
    if "inplace" in arguments:
        arguments["inplace"] = False
    return Stage(name, operation, arguments)


def describe_call(target: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], name: str) -> Stage | None:
    """Return the stage that performs a function or method call on a map, or None where it is not understood.

    Args:
        target: the function, or the method's name.
        args: positional arguments after the map.
        kwargs: keyword arguments.
        name: the name of the call.
    """
    if target not in _FUNCTIONS:
        return None
    operation, names = _FUNCTIONS[target]
    if len(args) > len(names):
        return None
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    for ignored in ("inplace", "_stacklevel"):
        given.pop(ignored, None)
    if given.get("dtype", 0) is None:
        del given["dtype"]
    if given.pop("training", True) is False:
        return Stage(name, "Identity", {})
    accepted = inspect.signature(getattr(nn, operation).__init__).parameters
    if any(key not in accepted or not _is_plain(value) for key, value in given.items()):
        return None
    return Stage(name, operation, {key: _plain(value) for key, value in given.items()})


def unknown_operation(what: str) -> TraceError:
    """Return the error about an operation that is not understood.

    Args:
        what: the operation and its kind.
    """
    return TraceError(
        f"{what} is not an operation that can stand in a chain; known are convolutions (not transposed ones), linear "
        "layers, norms, activations, poolings, paddings, dropout and flattening"
    )


def create_module(stage: Stage) -> nn.Module:
    """Return a new module that performs a stage.

    Raises:
        FileFormatError: the operation is not one of `KINDS` or does not take the stage's arguments.
    """
    check_operation(stage.operation, stage.name)
    create: Callable[..., nn.Module] = getattr(nn, stage.operation)
    try:
        return create(**as_tuples(stage.arguments))
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"stage {stage.name!r} ({stage.operation}) has wrong arguments: {error}") from error


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, (bool, int, float, str))


def _plain(value: Any) -> Any:
    return tuple(_plain(item) for item in value) if isinstance(value, (list, tuple)) else value
