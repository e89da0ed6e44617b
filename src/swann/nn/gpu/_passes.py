"""Forward and backward passes of a layer by block kernels; maps are of shape `[batch, channels, rows, columns]`."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ._compiled import Kernel, kernel
from ._layout import LANES, LayerLayout, unflatten_layout
from ._precision import precision

_ENOUGH = {"cuda": 512, "cpu": 1}
"""Programs that keep a device busy; where there are fewer, each gets fewer places or only a part of the sums."""

_ADDRESSES = 8
_ROWS = 8
"""Targets of an entry that a program packs or unpacks."""

_FEW = 4
"""Parts of the gradients of weights that are summed where they are brought to their places."""

_SUMMED = 1024
"""Numbers that a program adds the parts of."""

_LAST = torch.channels_last

_recorded: list[Tensor] = []
"""Tables that CUDA graphs read, which nobody else may keep."""


class _Shape(NamedTuple):
    """How a kernel is run: the places that a program may work on, its warps, and the stages of its loads."""

    places: tuple[int, ...]
    warps: int
    stages: int


_SHAPES = {
    "forward": {2: _Shape((128, 64, 32), 4, 2), 4: _Shape((64, 32), 4, 2)},
    "input_gradient": {2: _Shape((128, 64, 32), 4, 2), 4: _Shape((64, 32), 4, 2)},
    "weight_gradient": {2: _Shape((64, 32), 4, 2), 4: _Shape((64, 32), 4, 1)},
}
"""By the bytes of a number; the fastest of those that were measured on an H100 and an H200, docs/performance.md."""


def forward_pass(
    sources: Sequence[Tensor], packed: Tensor, bias: Tensor | None, tables: Tensor, layout: LayerLayout
) -> Tensor:
    """Return a layer's map, with channels last in memory; `packed` is of `pack_weights` for a forward pass."""
    n_samples = sources[0].shape[0]
    size = (n_samples, layout.n_targets, *layout.target)
    result = torch.empty(size, dtype=sources[0].dtype, device=tables.device, memory_format=_LAST)
    n_places, tiles = n_samples * math.prod(layout.target), layout.n_target_tiles
    if not n_places:
        return result
    sources = [channels_last(source) for source in sources]
    enough = _ENOUGH[tables.device.type]
    shape = _SHAPES["forward"][result.itemsize]
    places = next((each for each in shape.places if -(-n_places // each) * tiles >= enough), shape.places[-1])
    blocks = -(-n_places // places)
    parts = max(1, min(enough // (blocks * tiles), layout.n_groups // tiles))
    into = result if parts == 1 else torch.empty(parts * result.numel(), dtype=torch.float32, device=tables.device)
    bias = None if bias is None else bias.contiguous()
    _kernel("forward", tables)[blocks * tiles, parts](
        _addresses(sources),
        tables,
        packed,
        packed if bias is None else bias,
        into,
        *_starts(layout, "target_starts", "runs", "steps", "links"),
        n_places,
        layout.n_targets,
        *layout.target,
        parts,
        HAS_BIAS=bias is not None and parts == 1,
        IS_TURNED=_is_turned(result.dtype, layout, backward=False),
        PLACES=places,
        **_constants(result, layout, [*sources, result]),
        **_run(shape),
    )
    if parts > 1:
        n_numbers = result.numel()
        _kernel("add_parts", tables)[(-(-n_numbers // _SUMMED),)](
            into,
            into if bias is None else bias,
            result,
            parts,
            n_numbers,
            layout.n_targets,
            HAS_BIAS=bias is not None,
            COUNT=_SUMMED,
        )
    return result


def input_gradients(
    gradient: Tensor,
    sources: Sequence[Tensor],
    packed: Tensor,
    tables: Tensor,
    layout: LayerLayout,
    wanted: Sequence[bool],
    given: Sequence[Tensor | None] | None = None,
) -> list[Tensor]:
    """Return the gradients of the sources, with channels last in memory; empty ones where they are not wanted.

    Args:
        gradient: of the layer's map.
        sources: maps that the links start from.
        packed: weights, of `pack_weights` for a backward pass.
        tables: of `block_tables`.
        layout: of the tables.
        wanted: for which sources.
        given: for each source the gradient that it has already, with channels last, or None; what is found is added to
            it in its place.
    """
    given = [None] * len(sources) if given is None else given
    found = []
    for source, link, want, there in zip(sources, layout.links, wanted, given, strict=True):
        if not want:
            found.append(source.new_empty(0))
        elif there is not None:
            found.append(there)
        else:
            make = torch.empty_like if link.has_all_phases and gradient.numel() else torch.zeros_like
            found.append(make(source, memory_format=_LAST))
    if not gradient.numel() or not any(wanted):
        return found
    shape = _SHAPES["input_gradient"][gradient.itemsize]
    adds = tuple(there is not None for there in given)
    places, programs = _programs(layout.numbers, len(gradient), tuple(wanted), adds, shape.places, tables.device)
    if not len(programs):
        return found
    if _is_recorded(tables):
        _recorded.append(programs)
    gradient = channels_last(gradient)
    _kernel("input_gradient", tables)[(len(programs),)](
        _addresses(found),
        tables,
        programs,
        packed,
        gradient,
        *_starts(layout, "links", "items", "back_steps"),
        len(gradient),
        layout.n_targets,
        *layout.target,
        IS_TURNED=_is_turned(gradient.dtype, layout, backward=True),
        PLACES=places,
        **_constants(gradient, layout, [*sources, gradient]),
        **_run(shape),
    )
    return found


def weight_gradients(
    gradient: Tensor, sources: Sequence[Tensor], weights: Sequence[Tensor], tables: Tensor, layout: LayerLayout
) -> list[Tensor]:
    """Return the gradients of all weights, from sums in single precision."""
    n_places, n_groups = len(gradient) * math.prod(layout.target), layout.n_groups
    has_all = n_places and all(len(link.taps) == link.n_taps for link in layout.links)
    flat = (torch.empty if has_all else torch.zeros)(
        sum(weight.numel() for weight in weights), dtype=weights[0].dtype, device=tables.device
    )
    rows = torch.split(flat, [weight.numel() for weight in weights])
    found = [row.view(weight.shape) for row, weight in zip(rows, weights, strict=True)]
    if not n_places or not n_groups:
        return found
    sources, gradient = [channels_last(source) for source in sources], channels_last(gradient)
    shape = _SHAPES["weight_gradient"][gradient.itemsize]
    places = next((each for each in shape.places if n_places >= each), shape.places[-1])
    most = min(_ENOUGH[tables.device.type] // layout.n_bundles, n_places // (4 * places))
    parts, places_of_part = _parts(n_places, places, most)
    partial = torch.empty(parts, n_groups * LANES * layout.tile, dtype=torch.float32, device=tables.device)
    _kernel("weight_gradient", tables)[layout.n_bundles, parts](
        _addresses(sources),
        tables,
        gradient,
        partial,
        *_starts(layout, "bundles", "steps", "links"),
        n_groups,
        n_places,
        layout.n_targets,
        *layout.target,
        *_divisor(math.prod(layout.target)),
        *_divisor(layout.target[1]),
        places_of_part,
        PLACES=places,
        **_constants(gradient, layout, [*sources, gradient]),
        **_run(shape),
    )
    if parts > _FEW:
        partial, parts = partial.sum(0), 1
    _kernel("unpack", tables)[layout.n_entries, layout.tile // _ROWS](
        _addresses(found),
        tables,
        partial,
        *_starts(layout, "entries", "links", "taps", "edges"),
        n_groups,
        parts,
        KIND=_kind(flat),
        **_packing(layout),
    )
    return found


def bias_gradient(gradient: Tensor, kind: torch.dtype) -> Tensor:
    """Return the sums of a gradient over samples and places, from sums in single precision."""
    n_targets, n_places = gradient.shape[1], gradient.numel() // gradient.shape[1]
    if not n_places:
        return torch.zeros(n_targets, dtype=kind, device=gradient.device)
    gradient = channels_last(gradient)
    tile, places = 32, 128
    tiles = -(-n_targets // tile)
    parts, places_of_part = _parts(n_places, places, _ENOUGH[gradient.device.type] // tiles)
    partial = torch.empty(parts, n_targets, dtype=torch.float32, device=gradient.device)
    _kernel("bias_gradient", gradient)[tiles, parts](
        gradient,
        partial,
        n_places,
        n_targets,
        places_of_part,
        ALIGNMENT=math.gcd(16, n_targets),
        TILE=tile,
        PLACES=places,
    )
    return (partial[0] if parts == 1 else partial.sum(0)).to(kind)


def _parts(n_places: int, places: int, most: int) -> tuple[int, int]:
    """Return how many parts places are cut into, and the places of each, a multiple of those read at once."""
    of_part = -(-n_places // (max(1, most) * places)) * places
    return -(-n_places // of_part), of_part


def pack_weights(
    weights: Sequence[Tensor], tables: Tensor, layout: LayerLayout, kind: torch.dtype, *, backward: bool = False
) -> Tensor:
    """Return the weights of a layer's groups, of a type, for a forward pass or the gradients of sources."""
    packed = torch.empty(max(1, layout.n_groups) * layout.tile * LANES, dtype=kind, device=tables.device)
    if layout.n_groups:
        weights = [weight.contiguous() for weight in weights]
        _kernel("pack", tables)[layout.n_entries, layout.tile // _ROWS](
            _addresses(weights),
            tables,
            packed,
            *_starts(layout, "entries", "links", "taps", "edges"),
            IS_TURNED=_is_turned(kind, layout, backward=backward),
            KIND=_kind(weights[0]),
            **_packing(layout),
        )
    return packed


def _packing(layout: LayerLayout) -> dict[str, int]:
    """Return how the kernels that pack and unpack weights are run."""
    n_taps = max(len(link.taps) for link in layout.links)
    taps = next((each for each in (1, 4) if n_taps <= each), 16)
    return {"TILE": layout.tile, "LANES": LANES, "ROWS": _ROWS, "TAPS": taps, "num_warps": 8}


def _is_turned(kind: torch.dtype, layout: LayerLayout, *, backward: bool) -> bool:
    """Return whether the sources' channels of packed weights are the rows.

    Tensor cores take operands of TF32 only with the summed channels next to each other, and other units read them
    faster with the others so; for half precision it does not matter.
    """
    return kind == torch.float32 and (precision(layout) == "tf32") == backward


def _divisor(number: int) -> tuple[int, int]:
    """Return a factor and a number of bits: `(umulhi(n, factor) + n) >> bits` is `n // number` for n below 2^31.

    The factor is one of 32 bits without a sign, returned as one with a sign, for Triton tells types of numbers by their
    size (Granlund and Montgomery, Division by invariant integers using multiplication, 1994).
    """
    bits = (number - 1).bit_length()
    factor = 2**32 * (2**bits - number) // number + 1
    return factor - 2**32 * (factor >= 2**31), bits


def channels_last(given: Tensor) -> Tensor:
    """Return a map with its channels next to each other in memory, from an address that vectors can be read from."""
    given = given.contiguous(memory_format=_LAST)
    return given if given.data_ptr() % 16 == 0 else given.clone(memory_format=_LAST)


@lru_cache(maxsize=1024)
def _programs(
    numbers: tuple[int, ...],
    n_samples: int,
    wanted: tuple[bool, ...],
    adds: tuple[bool, ...],
    choice: tuple[int, ...],
    device: torch.device,
) -> tuple[int, Tensor]:
    """Return the places of a program of the input gradient, and for each its item, its number there, if it adds, 0."""
    layout = unflatten_layout(numbers)
    sizes, is_wanted, is_added = [], [], []
    for link, tiles, want, add in zip(layout.links, layout.source_tiles, wanted, adds, strict=True):
        sizes += [n_samples * math.prod(phase.size) for phase in link.phases] * tiles
        is_wanted += [want] * (len(link.phases) * tiles)
        is_added += [add] * (len(link.phases) * tiles)
    n_places = np.array(sizes, dtype=np.int64) * np.array(is_wanted, dtype=np.int64)
    counts = {places: -(-n_places // places) for places in choice}
    places = next((each for each in choice if counts[each].sum() >= _ENOUGH[device.type]), choice[-1])
    items = np.repeat(np.arange(len(n_places)), counts[places])
    first = np.cumsum(counts[places]) - counts[places]
    added = np.array(is_added, dtype=np.int64)[items]
    programs = np.stack((items, np.arange(len(items)) - first[items], added, 0 * items), 1).astype(np.int32)
    return places, torch.from_numpy(programs).to(device)


def _addresses(tensors: Sequence[Tensor]) -> Tensor:
    """Return the addresses of tensors as int64 on their device."""
    device, numbers = tensors[0].device, tuple(tensor.data_ptr() for tensor in tensors)
    if not _is_recorded(tensors[0]):
        return _address_table(device, numbers)
    table = torch.empty(len(numbers), dtype=torch.int64, device=device)  # nothing can be copied from the host here
    for first in range(0, len(numbers), _ADDRESSES):
        some = numbers[first : first + _ADDRESSES]
        rest = [0] * (_ADDRESSES - len(some))
        _kernel("write_addresses", table)[(1,)](table[first:], *some, *rest, COUNT=len(some))
    return table


@lru_cache(maxsize=4096)
def _address_table(device: torch.device, numbers: tuple[int, ...]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.int64).to(device)


def _is_recorded(where: Tensor) -> bool:
    """Return whether work on a tensor's device is being recorded in a CUDA graph."""
    return where.is_cuda and torch.cuda.is_current_stream_capturing()


def _kernel(name: str, where: Tensor) -> Kernel:
    return kernel(name, interpreted=where.device.type == "cpu")


def _run(shape: _Shape) -> dict[str, int]:
    return {"num_warps": shape.warps, "num_stages": shape.stages}


def _starts(layout: LayerLayout, *names: str) -> list[int]:
    return [layout.sections[name][0] for name in names]


def _constants(of: Tensor, layout: LayerLayout, maps: Sequence[Tensor]) -> dict[str, Any]:
    return {
        "KIND": _kind(of),
        "PRECISION": precision(layout),
        "ALIGNMENT": layout.alignment,
        "IS_WIDE": any(each.numel() >= 2**31 for each in maps),
        "TILE": layout.tile,
        "LANES": LANES,
    }


def _kind(of: Tensor) -> Any:
    """Return Triton's name of a tensor's type."""
    import triton.language as tl

    return {torch.float32: tl.float32, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16}[of.dtype]
