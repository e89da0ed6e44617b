"""How a network's pass over maps in blocks is put together: a script forward and, where it trains, one backward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._block_backward import BackwardPass
from ._block_forward import ForwardPass
from ._block_stages import LayerForm
from ._block_tensors import PassTensors
from ._native_pass import GivenTensors
from .kernels import BlockMap, Script

if TYPE_CHECKING:
    from ._network import SmallWorldNetwork


@dataclass(frozen=True)
class BlockScripts:
    """What compiled code does in a network's pass.

    Args:
        forward: the forward pass.
        backward: the backward pass; None if there is none.
        given: the tensors that both read.
        starts: for each of them where its gradient begins among all; None where it has none.
        parameters: the numbers of those that are parameters, not buffers.
        n_numbers: in all these gradients.
        n_draws: what the dropouts draw, of int16.
        outputs: the maps of which the output consists, in the buffers of the forward pass.
        shape: of one sample's output.
    """

    forward: Script
    backward: Script | None
    given: GivenTensors
    starts: tuple[int | None, ...]
    parameters: tuple[int, ...]
    n_numbers: int
    n_draws: int
    outputs: tuple[BlockMap, ...]
    shape: tuple[int, ...]


def block_scripts(
    network: SmallWorldNetwork,
    forms: Sequence[LayerForm],
    samples: tuple[int, int],
    *,
    trains: bool,
    of_inputs: bool = False,
    halves: bool = False,
) -> BlockScripts:
    """Return the scripts of a network's pass.

    Args:
        network: the network, whose parameters are all of one type.
        forms: what is done to its layers' maps.
        samples: blocks, and samples of a block.
        trains: whether a backward pass follows.
        of_inputs: whether it is to find the gradient of the inputs.
        halves: whether links multiply in bfloat16.
    """
    tensors = PassTensors(next(network.parameters()).dtype)
    forward = ForwardPass(network, forms, samples, tensors, halves=halves)
    of_forward = forward.finished(trains=trains)
    backward = BackwardPass(network, forms, forward, tensors, of_inputs=of_inputs).finished() if trains else None
    outputs = tuple(forward.outputs())
    shape = (sum(each.n_nodes for each in outputs), *outputs[-1].size)
    return BlockScripts(
        of_forward,
        backward,
        GivenTensors(tensors.given),
        tuple(tensors.starts),
        tuple(tensors.parameters),
        tensors.n_numbers,
        forward.n_draws,
        outputs,
        (math.prod(shape),) if forms[-1].is_flat else shape,
    )
