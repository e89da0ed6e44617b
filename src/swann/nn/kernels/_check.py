import math

from torch import Tensor, float32, float64, int32

from ..._errors import InvalidValueError
from ._geometry import LinkShape


def check_link(
    source: Tensor,
    weight: Tensor,
    packed: Tensor,
    shape: LinkShape,
    result: Tensor,
    by_columns: bool,
) -> None:
    """Raise InvalidValueError unless a link's operands fit each other: compiled code would read beyond them."""
    kinds = (source.dtype, weight.dtype, result.dtype)
    if kinds not in ((float32,) * 3, (float64,) * 3):
        raise InvalidValueError(
            "the sparse kernels take a map and weights that are both float32 or both float64, "
            f"got {source.dtype} and {weight.dtype}; convert the inputs or the network"
        )
    n_blocks, n_targets, block = result.shape[0], result.shape[1], result.shape[-1]
    n_sources = source.shape[0 if by_columns else 1]
    n_target_places = math.prod(shape.target)
    if by_columns:
        found_source = tuple(source.shape)
        expected: tuple[int, ...] = (n_sources, shape.n_taps, n_target_places * n_blocks * block)
    else:
        found_source = (source.shape[0], n_sources, math.prod(source.shape[2:-1]), source.shape[-1])
        expected = (n_blocks, n_sources, math.prod(shape.source), block)
    n_numbers = n_targets + 1 + n_sources + 1 + 3 * weight.shape[0]
    for what, found, wanted in (
        ("a source", found_source, expected),
        ("a layer's map", (math.prod(result.shape[2:-1]),), (n_target_places,)),
        ("each edge's weights", tuple(weight.shape[1:]), shape.kernel),
        ("the wiring", tuple(packed.shape), (n_numbers,)),
    ):
        if found != wanted:
            raise InvalidValueError(f"{what} of a sparse layer must be of size {list(wanted)}, got {list(found)}")
    if packed.dtype != int32:
        raise InvalidValueError(f"the wiring of a sparse layer must be of int32, got {packed.dtype}; see `wiring`")
