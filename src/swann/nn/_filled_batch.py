from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ._native_pass import forms_of
from ._sparse import forward_sparse
from .kernels import SMALL_BATCH

if TYPE_CHECKING:
    from ._network import SmallWorldNetwork
    from .costs import Choice

_FILLED_FROM = 5
"""Samples from which on a small batch is filled up: 5 to 7 fill vectors badly and take up to four times as long."""


def forward_filled(network: SmallWorldNetwork, inputs: Tensor, choice: Choice | None = None) -> Tensor:
    """Return what `swann.nn._sparse.forward_sparse` does, of a batch that is filled up with zeros where that is faster.

    A sample's outputs must not depend on the others, and nobody may see those that were added: all operations after
    layers must be known, and nobody listen to them.
    """
    if torch.compiler.is_compiling() or torch.is_grad_enabled() or not _FILLED_FROM <= len(inputs) < SMALL_BATCH:
        return forward_sparse(network, inputs, choice)
    forms = forms_of(network)
    if forms is None or any(None in of_layer for of_layer in forms):
        return forward_sparse(network, inputs, choice)
    n_samples = len(inputs)
    filled = torch.cat([inputs, inputs.new_zeros(SMALL_BATCH - n_samples, *inputs.shape[1:])])
    return forward_sparse(network, filled, choice)[:n_samples].clone()
