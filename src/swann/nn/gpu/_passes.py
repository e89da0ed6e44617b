"""Forward and backward passes of a layer by block kernels; maps are of shape `[batch, channels, rows, columns]`."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ._compiled import Kernel, kernel
from ._layout import LayerLayout, unflatten_layout
from ._precision import precision

_ENOUGH = {"cuda": 512, "cpu": 1}
"""Programs that keep a device busy; where there are fewer, each gets fewer places or only a part of the sums."""

_ADDRESSES = 8
_LAST = torch.channels_last


def forward_pass(
    sources: Sequence[Tensor], weights: Sequence[Tensor], bias: Tensor | None, tables: Tensor, layout: LayerLayout
) -> Tensor:
    """Return a layer's map, with channels last in memory."""
    n_samples = sources[0].shape[0]
    size = (n_samples, layout.n_targets, *layout.target)
    result = torch.empty(size, dtype=sources[0].dtype, device=tables.device, memory_format=_LAST)
    n_places, tiles = n_samples * math.prod(layout.target), layout.n_target_tiles
    if not n_places:
        return result
    sources = [channels_last(source) for source in sources]
    packed = _pack(weights, tables, layout, result.dtype)
    enough = _ENOUGH[tables.device.type]
    sizes = _sizes(result, layout)
    places = next((each for each in sizes if -(-n_places // each) * tiles >= enough), sizes[-1])
    blocks = -(-n_places // places)
    parts = max(1, min(enough // (blocks * tiles), layout.n_entries // tiles))
    into = result if parts == 1 else torch.empty(parts * result.numel(), dtype=torch.float32, device=tables.device)
    _kernel("forward", tables)[blocks, tiles, parts](
        _addresses(sources),
        tables,
        packed,
        packed if bias is None else bias.contiguous(),
        into,
        *_starts(layout, "target_starts", "entries", "links", "taps"),
        n_places,
        layout.n_targets,
        *layout.target,
        parts,
        HAS_BIAS=bias is not None and parts == 1,
        PLACES=places,
        **_constants(result, layout),
    )
    if parts > 1:
        total = into.view(parts, n_samples, *layout.target, layout.n_targets).sum(0)
        result.copy_((total if bias is None else total + bias).permute(0, 3, 1, 2))
    return result


def input_gradients(
    gradient: Tensor,
    sources: Sequence[Tensor],
    weights: Sequence[Tensor],
    tables: Tensor,
    layout: LayerLayout,
    wanted: Sequence[bool],
) -> list[Tensor]:
    """Return the gradients of the sources, with channels last in memory; empty ones where they are not wanted."""
    found = [
        torch.zeros_like(source, memory_format=_LAST) if want else source.new_empty(0)
        for source, want in zip(sources, wanted, strict=True)
    ]
    if not gradient.numel() or not any(wanted):
        return found
    sizes = _sizes(gradient, layout)
    places, programs = _programs(tuple(layout.flat()), len(gradient), tuple(wanted), sizes, tables.device)
    if not len(programs):
        return found
    gradient = channels_last(gradient)
    packed = _pack(weights, tables, layout, gradient.dtype)
    _kernel("input_gradient", tables)[(len(programs),)](
        _addresses(found),
        tables,
        programs,
        packed,
        gradient,
        *_starts(layout, "entries", "links", "items", "source_starts", "source_entries", "phase_taps"),
        len(gradient),
        layout.n_targets,
        *layout.target,
        PLACES=places,
        **_constants(gradient, layout),
    )
    return found


def weight_gradients(
    gradient: Tensor, sources: Sequence[Tensor], weights: Sequence[Tensor], tables: Tensor, layout: LayerLayout
) -> list[Tensor]:
    """Return the gradients of all weights, from sums in single precision."""
    found = [torch.zeros_like(weight, memory_format=torch.contiguous_format) for weight in weights]
    n_places, n_steps = len(gradient) * math.prod(layout.target), layout.n_steps
    if not n_places or not n_steps:
        return found
    sources, gradient = [channels_last(source) for source in sources], channels_last(gradient)
    places = next((each for each in (64, 32) if n_places >= each), 16)
    parts = max(1, min(-(-4 * _ENOUGH[tables.device.type] // n_steps), n_places // (4 * places)))
    places_of_part = -(-n_places // (parts * places)) * places
    parts = -(-n_places // places_of_part)
    partial = torch.empty(parts * n_steps * layout.tile**2, dtype=torch.float32, device=tables.device)
    _kernel("weight_gradient", tables)[n_steps, parts](
        _addresses(sources),
        tables,
        gradient,
        partial,
        *_starts(layout, "entries", "links", "steps"),
        n_steps,
        n_places,
        layout.n_targets,
        *layout.target,
        places_of_part,
        PLACES=places,
        **_constants(gradient, layout),
    )
    _kernel("unpack", tables)[(layout.n_entries,)](
        _addresses(found),
        tables,
        partial,
        *_starts(layout, "entries", "links", "taps", "edges"),
        n_steps,
        parts,
        KIND=_kind(found[0]),
        TILE=layout.tile,
    )
    return found


def channels_last(given: Tensor) -> Tensor:
    """Return a map with its channels next to each other in memory, from an address that vectors can be read from."""
    given = given.contiguous(memory_format=_LAST)
    return given if given.data_ptr() % 16 == 0 else given.clone(memory_format=_LAST)


def _pack(weights: Sequence[Tensor], tables: Tensor, layout: LayerLayout, kind: torch.dtype) -> Tensor:
    """Return the weights as tiles of `[sources, targets]`, for each step one, of a type."""
    packed = torch.empty(max(1, layout.n_steps) * layout.tile**2, dtype=kind, device=tables.device)
    if layout.n_steps:
        weights = [weight.contiguous() for weight in weights]
        _kernel("pack", tables)[(layout.n_entries,)](
            _addresses(weights),
            tables,
            packed,
            *_starts(layout, "entries", "links", "taps", "edges"),
            KIND=_kind(weights[0]),
            TILE=layout.tile,
        )
    return packed


@lru_cache(maxsize=256)
def _programs(
    numbers: tuple[int, ...], n_samples: int, wanted: tuple[bool, ...], choice: tuple[int, ...], device: torch.device
) -> tuple[int, Tensor]:
    """Return the places of a program of the input gradient, and for each its item and its number among the item's."""
    layout = unflatten_layout(numbers)
    sizes, is_wanted = [], []
    for link, tiles, want in zip(layout.links, layout.source_tiles, wanted, strict=True):
        sizes += [n_samples * math.prod(phase.size) for phase in link.phases] * tiles
        is_wanted += [want] * (len(link.phases) * tiles)
    n_places = np.array(sizes, dtype=np.int64) * np.array(is_wanted, dtype=np.int64)
    counts = {places: -(-n_places // places) for places in choice}
    places = next((each for each in choice if counts[each].sum() >= _ENOUGH[device.type]), choice[-1])
    items = np.repeat(np.arange(len(n_places)), counts[places])
    first = np.cumsum(counts[places]) - counts[places]
    programs = np.stack((items, np.arange(len(items)) - first[items]), 1).astype(np.int32)
    return places, torch.from_numpy(programs).to(device)


def _addresses(tensors: Sequence[Tensor]) -> Tensor:
    """Return the addresses of tensors as int64 on their device.

    A kernel writes them, so that nothing is copied from the host, which a CUDA graph could not record.
    """
    table = torch.empty(len(tensors), dtype=torch.int64, device=tensors[0].device)
    for first in range(0, len(tensors), _ADDRESSES):
        some = [tensor.data_ptr() for tensor in tensors[first : first + _ADDRESSES]]
        rest = [0] * (_ADDRESSES - len(some))
        _kernel("write_addresses", table)[(1,)](table[first:], *some, *rest, COUNT=len(some))
    return table


def _kernel(name: str, where: Tensor) -> Kernel:
    return kernel(name, interpreted=where.device.type == "cpu")


def _sizes(of: Tensor, layout: LayerLayout) -> tuple[int, ...]:
    """Return the places that a program may work on; with 128 × 32 sums in single precision registers would not do."""
    sizes = (128, 64, 32, 16)
    return sizes[1:] if of.dtype == torch.float32 and layout.tile > 16 else sizes


def _starts(layout: LayerLayout, *names: str) -> list[int]:
    return [layout.sections[name][0] for name in names]


def _constants(of: Tensor, layout: LayerLayout) -> dict[str, Any]:
    return {
        "KIND": _kind(of),
        "PRECISION": precision(layout),
        "ALIGNMENT": layout.alignment,
        "TILE": layout.tile,
    }


def _kind(of: Tensor) -> Any:
    """Return Triton's name of a tensor's type."""
    import triton.language as tl

    return {torch.float32: tl.float32, torch.float16: tl.float16, torch.bfloat16: tl.bfloat16}[of.dtype]
