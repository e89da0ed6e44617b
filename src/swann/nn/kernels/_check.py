import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from ..._errors import InvalidValueError
from ._geometry import LinkShape, unflatten

_Kind = tuple[torch.dtype, torch.Size]


def check_link(
    source: Tensor, weight: Tensor, packed: Tensor, shape: LinkShape, result: Tensor, by_columns: bool
) -> None:
    """Raise InvalidValueError unless a link's operands fit each other: compiled code would read beyond them."""
    kinds = [(tensor.dtype, tensor.shape) for tensor in (source, weight, packed, result)]
    _check(*kinds, shape, by_columns)


def check_links(
    sources: Sequence[Tensor],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    shapes: Sequence[int],
    result: Tensor,
    by_columns: bool,
) -> None:
    """Raise InvalidValueError unless the operands of all links into a layer fit each other and its map."""
    for source, weight, packed, link in zip(sources, weights, wirings, unflatten(tuple(shapes)), strict=True):
        check_link(source, weight, packed, link, result, by_columns)


@lru_cache(maxsize=4096)
def _check(source: _Kind, weight: _Kind, packed: _Kind, result: _Kind, shape: LinkShape, by_columns: bool) -> None:
    check_types(source[0], weight[0], result[0])
    n_blocks, n_targets, block = result[1][0], result[1][1], result[1][-1]
    n_sources = source[1][0 if by_columns else 1]
    n_target_places = math.prod(shape.target)
    if by_columns:
        found_source = tuple(source[1])
        expected: tuple[int, ...] = (n_sources, shape.n_taps, n_target_places * n_blocks * block)
    else:
        found_source = (source[1][0], n_sources, math.prod(source[1][2:-1]), source[1][-1])
        expected = (n_blocks, n_sources, math.prod(shape.source), block)
    n_numbers = n_targets + 1 + n_sources + 1 + 3 * weight[1][0]
    for what, found, wanted in (
        ("a source", found_source, expected),
        ("a layer's map", (math.prod(result[1][2:-1]),), (n_target_places,)),
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
