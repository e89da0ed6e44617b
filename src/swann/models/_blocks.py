import math
from collections.abc import Iterator

import torch
from torch import nn

from .._errors import InvalidValueError


def scaled(channels: int, width: float, multiple: int = 1) -> int:
    """Return a number of channels times a width, at least 1 and a multiple of `multiple`.

    Raises:
        InvalidValueError: the width is not a positive number.

    >>> scaled(64, 0.25), scaled(6, 0.1), scaled(96, 0.26, multiple=2)
    (16, 1, 24)
    """
    if not width > 0 or math.isinf(width):
        raise InvalidValueError(f"width must be a positive number, got {width!r}")
    return max(1, round(channels * width / multiple)) * multiple


def check_images(model: str, in_channels: int, n_classes: int, image_size: int, smallest: int) -> None:
    """Raise an `InvalidValueError` unless a model can read such images."""
    for name, value, least in (
        ("in_channels", in_channels, 1),
        ("n_classes", n_classes, 1),
        ("image_size", image_size, smallest),
    ):
        if value < least:
            raise InvalidValueError(f"{model}: {name} must be at least {least}, got {value}")


def convolution(n_inputs: int, n_outputs: int, kernel: int, *, stride: int = 1, groups: int = 1) -> Iterator[nn.Module]:
    """Yield a convolution with half padding, a batch norm and a ReLU."""
    yield nn.Conv2d(n_inputs, n_outputs, kernel, stride, kernel // 2, groups=groups)
    yield nn.BatchNorm2d(n_outputs)
    yield nn.ReLU()


@torch.no_grad()
def initialise_(model: nn.Module, seed: int) -> None:
    """Draw the weights of convolutions and linear layers as `swann.nn.initialise_` does: N(0, gain² / fan-in).

    The gain is √2, for a ReLU, but 1 in the last linear layer; biases are zero.
    """
    generator = torch.Generator().manual_seed(seed)
    weighted = [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    for module in weighted:
        gain = 1.0 if module is weighted[-1] else math.sqrt(2)
        fan_in = module.weight[0].numel()
        module.weight.normal_(0, gain / math.sqrt(fan_in), generator=generator)
        if module.bias is not None:
            module.bias.zero_()
