from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..trace import Stage, create_module
from ._hooks import Heard, has_hooks
from .kernels import apply_to_blocks

_DRAWS = 2**16


def _kept(blocks: Tensor, p: float) -> Tensor:
    """Return 0 where an element is dropped, and elsewhere what keeps the mean.

    A draw has 16 bits, four to a random number: a layer that many links enter drops far more than the layer before it
    has, and drawing took a fifth of the time of all kernels. So p is rounded to a multiple of 2⁻¹⁶.
    """
    draws = drawn(blocks.numel(), blocks.device).view(blocks.shape)
    threshold = round(p * _DRAWS)
    return (draws >= threshold - _DRAWS // 2).to(blocks.dtype).mul_(_DRAWS / (_DRAWS - threshold))


def drawn(n_elements: int, device: torch.device | None = None) -> Tensor:
    """Return random int16, one for each element."""
    numbers = torch.empty(-(-n_elements // 4), dtype=torch.int64, device=device)
    return numbers.random_(-(2**63), None).view(torch.int16)[:n_elements]


_OF_CHANNELS = {
    "Dropout1d": F.dropout,
    "Dropout2d": F.dropout,
    "Dropout3d": F.dropout,
    "FeatureAlphaDropout": F.alpha_dropout,
}


class InflowDropout(Heard):
    """The dropouts before a layer, applied to each map that flows into it.

    A dropout of whole channels acts on single neurons where the map has no spatial size.

    Args:
        stages: the dropouts in order.
    """

    def __init__(self, stages: tuple[Stage, ...]) -> None:
        super().__init__()
        self.dropouts = nn.ModuleList(create_module(stage) for stage in stages)

    def forward(self, source: Tensor) -> Tensor:
        """Return the map, of shape `[batch, sources, *size]`, after the dropouts."""
        for dropout in self.dropouts:
            of_neurons = _OF_CHANNELS.get(type(dropout).__name__)
            if of_neurons is not None and source.ndim == 2:
                source = of_neurons(source, cast(float, dropout.p), dropout.training)
            else:
                source = dropout(source)
        return source

    @property
    def drops(self) -> bool:
        """Whether anything may be dropped now."""
        dropouts: Any = self._modules["dropouts"]
        return any(dropout.training for dropout in dropouts._modules.values())  # in each pass: `self.` takes longer

    def of_blocks(self, blocks: Tensor) -> Tensor:
        """Return blocks, of shape `[blocks, sources, *size, block]`, after the dropouts."""
        for dropout in self.dropouts:
            of_neurons = _OF_CHANNELS.get(type(dropout).__name__)
            if not dropout.training:
                continue
            p = cast(float, dropout.p)
            if of_neurons is not None and blocks.ndim == 3:
                blocks = of_neurons(blocks, p, True)
            elif type(dropout) is nn.Dropout and 0 < p < 1 and not torch.compiler.is_compiling():
                blocks = blocks * _kept(blocks, p)
            else:
                blocks = apply_to_blocks(dropout, blocks)
        return blocks


def draw_threshold(dropout: InflowDropout) -> int | None:
    """Return how many of 2¹⁶ draws drop an element before a layer; None for none, -1 where it is not as simple as that.

    It is where one `torch.nn.Dropout` alone drops, and has no hooks.
    """
    active = [each for each in cast(Any, dropout._modules["dropouts"])._modules.values() if each.training and each.p]
    if not active:
        return None
    (first, *others) = active
    threshold = round(first.p * _DRAWS)
    is_simple = type(first) is nn.Dropout and not others and not has_hooks(first) and 0 < threshold < _DRAWS
    return threshold if is_simple else -1
