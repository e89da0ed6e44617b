import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ..._errors import InvalidValueError
from ._layout import LayerLayout

KINDS = (torch.float32, torch.float16, torch.bfloat16)


def check_operands(
    sources: Sequence[Tensor], weights: Sequence[Tensor], bias: Tensor | None, tables: Tensor, layout: LayerLayout
) -> None:
    """Check the operands of a block layer, of which kernels would read beyond the ends otherwise.

    Raises:
        InvalidValueError: they do not fit the layout, or each other, or are of another type.
    """
    if not len(sources) == len(weights) == len(layout.links) > 0:
        raise InvalidValueError(
            f"a block layer of {len(layout.links)} links must have as many sources and weights, and one at least; "
            f"got {len(sources)} and {len(weights)}"
        )
    _check("the tables", tables, [layout.n_numbers])
    if tables.dtype != torch.int32:
        raise InvalidValueError(f"the tables of a block layer must be of int32, got {tables.dtype}; see `block_tables`")
    batch = len(sources[0])
    for source, weight, link in zip(sources, weights, layout.links, strict=True):
        _check("a source", source, [batch, link.n_sources, *link.source])
        _check("the weights of a link's edges", weight, [link.n_edges, link.n_taps])
        places = max(math.prod(link.source), math.prod(layout.target)) * batch
        if places >= 2**31:
            raise InvalidValueError(f"a map of a block layer must have fewer than 2^31 places, got {places}")
    if bias is not None:
        _check("the bias", bias, [layout.n_targets])
    for name, group in (("sources", sources), ("weights", weights)):
        kinds = list(dict.fromkeys(tensor.dtype for tensor in group))
        if len(kinds) > 1 or kinds[0] not in KINDS:
            raise InvalidValueError(
                f"the {name} of a block layer must all be float32, float16 or bfloat16, got "
                f"{' and '.join(map(str, kinds))}; convert them, or use backend 'masked'"
            )
    devices = {tensor.device for tensor in (*sources, *weights, tables, *(() if bias is None else (bias,)))}
    if len(devices) > 1:
        raise InvalidValueError(
            f"all operands of a block layer must be on one device, got {', '.join(sorted(map(str, devices)))}"
        )


def _check(what: str, tensor: Tensor, size: list[int]) -> None:
    if list(tensor.shape) != size:
        raise InvalidValueError(f"{what} of a block layer must be of size {size}, got {list(tensor.shape)}")
