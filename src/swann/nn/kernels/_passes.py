import math
from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
import torch
from torch import Tensor

from ._assembly import Pass
from ._code import Element
from ._compile import vector_bytes
from ._gather import ELEMENTS
from ._geometry import LinkShape, blocked_tiles, selected, unflatten
from ._half_assembly import half_function
from ._tables import TASKS_PER_THREAD, LinkRow, Plan, Programs, bands, compiled, programs_of, run
from ._wiring import addresses_by_source, addresses_by_target

_CACHE_BYTES = 2**20
"""What is to stay in a core's own cache of the maps that a tile of the weight gradient meets."""


def set_to_bias_(result: Tensor, bias: Tensor | None, n_axes: int) -> None:
    """Set a layer's map to its bias, or to zero if it has none.

    Args:
        result: the map.
        bias: of shape `[targets]`.
        n_axes: of the map after that of the targets.
    """
    if bias is None:
        result.zero_()
    else:
        result.copy_(bias.view(-1, *(1,) * n_axes))


def forward_(
    result: Tensor,
    sources: Sequence[Tensor],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    shapes: Sequence[int],
    part: tuple[int, int] | None = None,
) -> None:
    """Add to a layer's map what flows in through its links; all tensors are contiguous.

    Products are of bfloat16 where the sources are in halves, see `swann.nn.kernels.to_halves`.

    Args:
        result: the layer's map, of shape `[blocks, targets, *target, block]`.
        sources: for each link the map that it starts from, of shape `[blocks, sources, *source, block]`.
        weights: for each link, of shape `[edges, *kernel]`.
        wirings: for each link where the weights belong, from `wiring`.
        shapes: the shapes of the links, one after the other, from `LinkShape.flat`.
        part: where `result` has some of the layer's targets alone, the number of the first one, and of all.
    """
    _run("forward", shapes, [result] * len(sources), sources, weights, wirings, part)


def input_gradient_(
    result: Tensor,
    gradients: Sequence[Tensor],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    shapes: Sequence[int],
) -> None:
    """Add to the gradient of a map what comes from the maps of all layers that read it.

    Products are of bfloat16 where the gradients are in halves.

    Args:
        result: the gradient of a source, of shape `[blocks, sources, *source, block]`.
        gradients: for each link that starts there the gradient of its layer's map.
        weights: for each link, as for `forward_`, as all that follows.
        wirings: see there.
        shapes: see there.
    """
    _run("input", shapes, [result] * len(gradients), gradients, weights, wirings)


def weight_gradients(
    gradient: Tensor,
    sources: Sequence[Tensor],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    shapes: Sequence[int],
    wanted: Sequence[bool],
) -> list[Tensor | None]:
    """Return the gradients of those links' weights that are wanted, given that of their layer's map; see `forward_`.

    Products are of bfloat16 where the layer's gradient and the sources are in halves.
    """
    results = [torch.zeros_like(weight) if want else None for weight, want in zip(weights, wanted, strict=True)]
    found = [result for result in results if result is not None]
    shapes = selected(tuple(shapes), tuple(wanted))
    _run("weight", shapes, [gradient] * len(found), _only(wanted, sources), found, _only(wanted, wirings))
    return results


def _only(wanted: Sequence[bool], tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor for tensor, want in zip(tensors, wanted, strict=True) if want]


def _run(
    kind: Pass,
    shapes: Sequence[int],
    results: Sequence[Tensor],
    operands: Sequence[Tensor],
    weights: Sequence[Tensor],
    wirings: Sequence[Tensor],
    part: tuple[int, int] | None = None,
) -> None:
    if not results:
        return
    maps, ends = (operands, results) if kind == "input" else (results, operands)
    layer, halves = maps[0], operands[0].dtype == torch.int32
    if not layer.numel():
        return
    n_sources_of = tuple(end.shape[1] for end in ends)
    n_blocks = results[0].shape[0] * (2 if halves and kind == "weight" else 1)
    plan = link_plan(
        kind,
        tuple(shapes),
        "float32" if halves else ELEMENTS[layer.dtype],
        (n_blocks, layer.shape[-1]),
        tuple(each.shape[1] for each in maps),
        n_sources_of,
        torch.get_num_threads(),
        halves=halves,
    )
    addresses = np.zeros((len(results), 6), dtype=np.int64)
    addresses[:, 0] = [result.data_ptr() for result in results]
    addresses[:, 1] = [operand.data_ptr() for operand in operands]
    if kind == "input":
        addresses[:, [2, 3, 5]] = [
            addresses_by_source(packed, each.shape[1], n_sources, len(weight))
            for packed, each, n_sources, weight in zip(wirings, maps, n_sources_of, weights, strict=True)
        ]
    else:
        first, n_targets = part or (0, layer.shape[1])
        addresses[:, 2:4] = [addresses_by_target(packed, n_targets, first) for packed in wirings]
    addresses[:, 4] = [weight.data_ptr() for weight in weights]
    run(kind, plan, addresses, halves=halves)


@lru_cache(maxsize=4096)
def link_plan(
    kind: Pass,
    shapes: tuple[int, ...],
    element: Element,
    samples: tuple[int, int],
    n_targets: tuple[int, ...],
    n_sources: tuple[int, ...],
    n_threads: int,
    *,
    halves: bool = False,
) -> Plan:
    n_blocks, block = samples
    at_once = 2 if halves else 1  # blocks of a step
    n_all_steps = n_blocks // at_once
    size = np.dtype(element).itemsize
    links = unflatten(shapes)
    n_steps = 1 if kind == "weight" else n_all_steps
    n_nodes = (n_sources if kind == "input" else n_targets)[0]
    rows: list[list[LinkRow]] = []
    for band in _bands(kind, links[0], n_nodes, block * size * at_once):
        rows.append([])
        for number, link in enumerate(links):
            of_target, of_source = (math.prod(end) * block * size for end in (link.target, link.source))
            strides = [of_target, n_targets[number] * of_target, of_source, n_sources[number] * of_source]
            if kind == "input":
                strides = strides[2:] + strides[:2]
            if kind != "weight":
                strides[1] *= at_once
            programs = _programs(kind, link, element, block, band, halves)
            most_steps = max(1, _CACHE_BYTES // max(1, n_sources[number] * programs.most_bytes))
            counts = (n_all_steps, min(most_steps, n_all_steps), len(programs.rows), programs.rows.ctypes.data)
            rows[-1].append((*strides, *counts))
    # each task of a weight gradient reads all sources, so that a thread takes one
    per_thread = 1 if kind == "weight" else TASKS_PER_THREAD
    return Plan.of(rows, n_nodes, n_threads, n_steps, per_thread)


def _bands(kind: Pass, link: LinkShape, n_nodes: int, size: int) -> list[range | None]:
    """Cut a result into bands that stay in the cache while all links of a layer add to them; None for all of it.

    Args:
        kind: the pass.
        link: one of the links.
        n_nodes: of the result.
        size: bytes of a place.
    """
    result = link.source if kind == "input" else link.target
    if kind == "weight" or not result:
        return [None]
    return bands(2, result[0], n_nodes * math.prod(result[1:]) * size)


@cache
def _programs(kind: Pass, shape: LinkShape, element: Element, block: int, band: range | None, halves: bool) -> Programs:
    lanes = vector_bytes() // np.dtype(element).itemsize
    tiles = blocked_tiles(shape, kind, block, lanes, band, halves=halves)
    if halves:
        return programs_of(tiles, np.dtype(element).itemsize, lambda each: half_function(each, kind, shape.n_taps))
    return compiled(tiles, element, kind, shape.n_taps)
