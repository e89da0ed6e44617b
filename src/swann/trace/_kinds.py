"""The operations that may stand between two layers, and of what kind they are."""

from collections.abc import Mapping

from .._errors import FileFormatError

_ACTIVATIONS = (
    "CELU ELU GELU Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU LogSigmoid Mish PReLU ReLU ReLU6 SELU SiLU "
    "Sigmoid Softplus Softshrink Softsign Tanh Tanhshrink Threshold"
)
_NORMS = (
    "BatchNorm1d BatchNorm2d BatchNorm3d GroupNorm InstanceNorm1d InstanceNorm2d InstanceNorm3d LayerNorm "
    "LocalResponseNorm"
)
_POOLS = "AdaptiveAvgPool AdaptiveMaxPool AvgPool LPPool MaxPool"
_PADS = "ConstantPad ReflectionPad ReplicationPad ZeroPad"
_DROPOUTS = "AlphaDropout Dropout Dropout1d Dropout2d Dropout3d FeatureAlphaDropout"

KINDS: Mapping[str, str] = {
    **dict.fromkeys(_ACTIVATIONS.split(), "activation"),
    **dict.fromkeys(_NORMS.split(), "norm"),
    **dict.fromkeys((f"{name}{n}d" for name in _POOLS.split() for n in (1, 2, 3)), "pool"),
    **dict.fromkeys((f"{name}{n}d" for name in _PADS.split() for n in (1, 2, 3)), "pad"),
    **dict.fromkeys(_DROPOUTS.split(), "dropout"),
    "Flatten": "flatten",
    "Identity": "identity",
    "Softmax": "head",
    "LogSoftmax": "head",
}
"""The kind of each `torch.nn` module that may stand between two layers."""


def check_operation(operation: str, name: str) -> None:
    """Raise FileFormatError unless the operation of the stage called `name` is one of `KINDS`."""
    if operation not in KINDS:
        raise FileFormatError(f"stage {name!r} asks for {operation!r}, which is not an operation we know")
