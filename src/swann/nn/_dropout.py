from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from ..trace import Stage, create_module
from .kernels import apply_to_blocks

_OF_CHANNELS = {
    "Dropout1d": F.dropout,
    "Dropout2d": F.dropout,
    "Dropout3d": F.dropout,
    "FeatureAlphaDropout": F.alpha_dropout,
}


class InflowDropout(nn.Module):
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
        return any(dropout.training for dropout in self.dropouts)

    def of_blocks(self, blocks: Tensor) -> Tensor:
        """Return blocks, of shape `[blocks, sources, *size, block]`, after the dropouts."""
        for dropout in self.dropouts:
            of_neurons = _OF_CHANNELS.get(type(dropout).__name__)
            if not dropout.training:
                continue
            if of_neurons is not None and blocks.ndim == 3:
                blocks = of_neurons(blocks, cast(float, dropout.p), True)
            else:
                blocks = apply_to_blocks(dropout, blocks)
        return blocks
