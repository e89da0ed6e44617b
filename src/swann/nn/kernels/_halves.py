"""Maps in bfloat16, two numbers in each 32-bit lane, as `swann.nn.kernels._half_assembly` multiplies them."""

from functools import cache

import llvmlite.binding as llvm
import torch
from torch import Tensor

from ._block_map import BlockMap
from ._channel_calls import Call, element_call, run_on_channels
from ._code import Element
from ._finish_code import each_channel, each_vector, opened
from ._half_assembly import HALF_LANES, LANE_BYTES, halved_vectors

_FIRST_LLVM = 17
"""A version of LLVM whose functions surely take vectors of bfloat16; older ones took integers."""


@cache
def can_halve() -> bool:
    """Return whether this processor multiplies in bfloat16 and adds in float32, 16 lanes at a time."""
    features = llvm.get_host_cpu_features()
    return bool(features.get("avx512bf16")) and llvm.llvm_version_info[0] >= _FIRST_LLVM


def has_halves(samples: tuple[int, int], dtype: torch.dtype) -> bool:
    """Return whether maps can be put into halves.

    Args:
        samples: blocks, and samples of a block.
        dtype: of the maps.
    """
    n_blocks, block = samples
    return can_halve() and dtype == torch.float32 and block == HALF_LANES and n_blocks % 2 == 0


def to_halves(blocks: Tensor) -> Tensor:
    """Return a map in bfloat16, each block of samples beside the next one.

    Args:
        blocks: of shape `[blocks, channels, *size, 16]`, float32, an even number of blocks.

    Returns:
        Of shape `[blocks / 2, channels, *size, 16]`, int32.
    """
    blocks = blocks.contiguous()
    result = blocks.new_empty(len(blocks) // 2, *blocks.shape[1:], dtype=torch.int32)
    run_on_channels(halve_call(BlockMap.of(blocks)), blocks[::2], result, other=blocks[1::2])
    return result


def halve_call(source: BlockMap) -> Call:
    """Return the call that puts a map into halves."""
    return element_call(halve_function, source)


def halve_function(element: Element, lanes: int, rest: int) -> str:
    """Return a module with the function `run`, which puts each channel's map, `"source"`, and `"other"` into halves.

    Args:
        element: float32.
        lanes: 16.
        rest: 0; the elements of a map that fill no vector.
    """
    if (element, lanes, rest) != ("float32", HALF_LANES, 0):
        raise ValueError(f"only whole vectors of {HALF_LANES} float32 are halved, got {lanes} {element} and {rest}")
    code = opened()
    vector = f"<{lanes} x float>"
    with each_channel(code) as (table, channel):

        def each(offset: str, _: int) -> None:
            at = code.value(f"mul i64 {offset}, {LANE_BYTES}")
            both = [code.load(vector, channel[name], at, LANE_BYTES) for name in ("source", "other")]
            place = code.address(channel["result"], at)
            code.do(f"store <{lanes} x i32> {halved_vectors(code, *both)}, ptr {place}, align {LANE_BYTES}")

        each_vector(code, table["place"], lanes, rest, each)
    return "\n".join(code.lines)
