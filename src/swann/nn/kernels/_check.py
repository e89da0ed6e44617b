import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ..._errors import InvalidValueError
from ._geometry import LinkShape, unflatten

_Kind = tuple[torch.dtype, torch.Size]


def check_links(
    sources: Sequence[Tensor],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    shapes: Sequence[int],
    result: Tensor,
) -> None:
    """Raise InvalidValueError unless the operands of all links into a layer fit each other and its map.

    Compiled code would read beyond them.
    """
    for *tensors, shape in zip(sources, weights, wirings, unflatten(tuple(shapes)), strict=True):
        _check(*((tensor.dtype, tensor.shape) for tensor in (*tensors, result)), shape)


@lru_cache(maxsize=4096)
def _check(source: _Kind, weight: _Kind, packed: _Kind, result: _Kind, shape: LinkShape) -> None:
    check_types(source[0], weight[0], result[0])
    n_blocks, n_targets, block = result[1][0], result[1][1], result[1][-1]
    n_sources = source[1][1]
    found_source = (source[1][0], n_sources, math.prod(source[1][2:-1]), source[1][-1])
    n_numbers = n_targets + 1 + n_sources + 1 + 3 * weight[1][0]
    for what, found, wanted in (
        ("a source", found_source, (n_blocks, n_sources, math.prod(shape.source), block)),
        ("a layer's map", (math.prod(result[1][2:-1]),), (math.prod(shape.target),)),
        ("each edge's weights", tuple(weight[1][1:]), shape.kernel),
        ("the wiring", tuple(packed[1]), (n_numbers,)),
    ):
        if found != wanted:
            raise InvalidValueError(f"{what} of a sparse layer must be of size {list(wanted)}, got {list(found)}")
    if packed[0] != torch.int32:
        raise InvalidValueError(f"the wiring of a sparse layer must be of int32, got {packed[0]}; see `wiring`")


def check_types(*kinds: torch.dtype) -> None:
    """Raise InvalidValueError unless a map, the first, and weights are all float32 or all float64."""
    if set(kinds) not in ({torch.float32}, {torch.float64}):
        other = next((kind for kind in kinds if kind != kinds[0]), kinds[0])
        raise InvalidValueError(
            "the sparse kernels take a map and weights that are both float32 or both float64, "
            f"got {kinds[0]} and {other}; convert the inputs or the network"
        )
