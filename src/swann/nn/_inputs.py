from typing import Any

import torch
from torch import Tensor, fx

from .._errors import InvalidValueError


def check_inputs(inputs: Any, expected: tuple[int, ...]) -> None:
    """Raise InvalidValueError unless a network can read what it is given.

    Args:
        inputs: what the network is given.
        expected: the shape of one input without the batch.
    """
    if not isinstance(inputs, Tensor):
        if isinstance(inputs, fx.Proxy):
            raise InvalidValueError(
                "a small-world network cannot be traced symbolically (torch.fx.symbolic_trace); use torch.export.export"
            )
        hint = "; use torch.as_tensor(inputs)" if hasattr(inputs, "__array__") else ""
        raise InvalidValueError(
            f"the network reads a tensor of shape {_batch_of(expected)}, got {type(inputs).__name__}{hint}"
        )
    if inputs.shape[1:] != expected:
        hint = "; add the batch: inputs[None]" if inputs.shape == expected else ""
        raise InvalidValueError(
            f"the network reads inputs of shape {_batch_of(expected)}, got {list(inputs.shape)}{hint}"
        )
    if not torch.is_floating_point(inputs):
        raise InvalidValueError(
            f"the network reads floating-point inputs, got {inputs.dtype}; convert them: inputs.float()"
        )


def _batch_of(shape: tuple[int, ...]) -> str:
    return f"[batch, {', '.join(map(str, shape))}]"
