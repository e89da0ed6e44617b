import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._geometry import strided
from .._link import Link
from ..kernels import SMALL_BATCH, LinkShape, from_blocks, sparse_layer, to_blocks, vector_bytes
from ._compiled import EqualLinks, compiled_inference, compiled_training
from ._costs import Costs, LinkCosts
from ._kept import keep
from ._work import dense_work, sparse_work

_CONVOLUTIONS = (  # nodes, size, kernel, nodes, size, density, samples
    (64, 16, 3, 64, 16, 1.0, 1),
    (64, 16, 3, 64, 16, 0.1, 1),
    (16, 8, 3, 16, 8, 0.1, 1),
    (256, 4, 3, 256, 4, 0.3, 1),
    (64, 32, 3, 64, 32, 0.05, 16),
    (64, 32, 3, 64, 32, 0.02, 1),
    (64, 16, 3, 64, 16, 1.0, 16),
    (64, 16, 3, 64, 16, 0.1, 32),
    (64, 16, 3, 256, 4, 1.0, 32),
    (128, 8, 3, 256, 4, 0.3, 16),
    (128, 8, 1, 256, 8, 0.3, 32),
    (256, 4, 3, 256, 4, 0.05, 32),
    (512, 2, 3, 512, 2, 1.0, 16),
    (6, 14, 5, 16, 14, 0.5, 10),
    (16, 8, 3, 16, 8, 0.02, 32),
)
_LINEAR = (  # nodes, size, nodes, density, samples; the kernel is as large as the map
    (512, 1, 512, 1.0, 1),
    (512, 1, 512, 0.3, 1),
    (512, 1, 512, 0.05, 1),
    (512, 1, 512, 1.0, 32),
    (512, 1, 512, 0.2, 32),
    (1024, 1, 1024, 0.05, 128),
    (1024, 1, 256, 1.0, 128),
    (64, 3, 84, 0.3, 10),
    (128, 3, 84, 0.1, 128),
    (64, 1, 10, 0.5, 1),
    (64, 1, 10, 0.5, 32),
)
_LINKS = 4
"""Equal links that end at one layer, so that what a layer takes is spread over several."""

_ROUNDS, _WARM_UP = 5, 2
_Job = Callable[[], object]
_Row = list[tuple[tuple[float, ...], float]]
"""In inference and in training the parts of a link's work, and its seconds."""


def calibrate(on_progress: Callable[[int, int], None] | None = None) -> Costs:
    """Measure what links take on this processor with PyTorch's present number of threads, and keep it in a file.

    `backend="auto"` then chooses by it, in this process and in later ones. It takes some seconds; the machine should
    have nothing else to do.

    Args:
        on_progress: called with the number of measurements done and their total.

    Returns:
        The costs, in seconds for each part of a link's work.
    """
    links = [*(_convolution(*case) for case in _CONVOLUTIONS), *(_linear(*case) for case in _LINEAR)]
    rows: dict[str, list[_Row]] = {"sparse": [], "convolution": [], "linear": []}
    for done, (link, shape, batch) in enumerate(links):
        if on_progress is not None:
            on_progress(done, len(links))
        sparse, dense = _measure(link, shape, batch)
        rows["sparse"].append(sparse)
        rows["linear" if link.geometry is None else "convolution"].append(dense)
    moved = _moved()
    inference, training = (
        LinkCosts(
            **{kind: _fit([row[way] for row in found]) for kind, found in rows.items()},
            moved=(1 + way) * moved,
        )
        for way in range(2)
    )
    costs = Costs(inference, training, torch.get_num_threads())
    keep(costs)
    return costs


def _convolution(
    n_sources: int, source: int, kernel: int, n_targets: int, target: int, density: float, batch: int
) -> tuple[Link, LinkShape, int]:
    geometry = strided((source,) * 2, (target,) * 2, (kernel,) * 2, (1, 1))
    before = (geometry.padding[0][0], geometry.padding[1][0])
    shape = LinkShape((source,) * 2, (target,) * 2, (kernel,) * 2, geometry.stride, before, geometry.dilation)
    return Link(_mask(n_targets, n_sources, density), shape.kernel, geometry), shape, batch


def _linear(n_sources: int, source: int, n_targets: int, density: float, batch: int) -> tuple[Link, LinkShape, int]:
    shape = LinkShape((source,) * 2, (1, 1), (source,) * 2, (1, 1), (0, 0), (1, 1))
    return Link(_mask(n_targets, n_sources, density), shape.kernel, None), shape, batch


def _mask(n_targets: int, n_sources: int, density: float) -> Tensor:
    return torch.rand(n_targets, n_sources, generator=torch.Generator().manual_seed(0)) < density


def _measure(link: Link, shape: LinkShape, batch: int) -> tuple[_Row, _Row]:
    """Return what a link takes by the sparse kernels and densely."""
    link.make_wiring()
    torch.nn.init.constant_(link.weight, 0.1)
    n_targets, n_sources = link.mask.shape
    generator = torch.Generator().manual_seed(1)
    maps = [torch.rand(batch, n_sources, *shape.source, generator=generator) for _ in range(_LINKS)]
    blocks = [to_blocks(each) for each in maps]
    maps = [each.requires_grad_() for each in maps]
    target = () if link.geometry is None else shape.target
    size = [blocks[0].shape[0], n_targets, *target, blocks[0].shape[-1]]
    links = EqualLinks(tuple(maps), link.weight.detach(), cast(Tensor, link.wiring), n_targets, target, shape)

    def sparse() -> Tensor:
        weights, wirings = [links.weight] * _LINKS, [links.wiring] * _LINKS
        return sparse_layer(blocks, weights, wirings, None, shape.flat() * _LINKS, size)

    def dense() -> Tensor:
        first, *others = (link(each, lambda source: source) for each in maps)
        return sum(others, start=first)  # type: ignore[no-any-return]

    inference = compiled_inference(links) if batch < SMALL_BATCH else _inference(sparse)
    jobs: list[_Job] = [inference, compiled_training(links), _inference(dense), _training(dense, [*maps, link.weight])]
    seconds = [each / _LINKS for each in _medians(jobs)]
    amounts = (link.weight.shape[0], n_sources, n_targets, batch)
    lanes = vector_bytes() // 4
    sparse_works = (sparse_work(shape, *amounts, trains=trains, lanes=lanes) for trains in (False, True))
    dense_parts = astuple(dense_work(shape, *amounts))
    of_sparse = [(astuple(work), taken) for work, taken in zip(sparse_works, seconds[:2], strict=True)]
    return of_sparse, [(dense_parts, taken) for taken in seconds[2:]]


def _inference(compute: Callable[[], Tensor]) -> _Job:
    """Return the forward pass alone."""

    def run() -> object:
        with torch.inference_mode():
            return compute()

    return run


def _training(compute: Callable[[], Tensor], operands: list[Tensor]) -> _Job:
    """Return the forward pass with the backward pass."""

    def run() -> object:
        result = compute()
        return torch.autograd.grad(result, operands, torch.ones_like(result))

    return run


def _moved() -> float:
    """Return the seconds that an element takes from one order in memory to the other."""
    maps = torch.ones(32, 64, 16, 16)
    blocks = to_blocks(maps)
    return sum(_medians([lambda: to_blocks(maps), lambda: from_blocks(blocks)])) / (2 * maps.numel())


def _medians(jobs: Sequence[Callable[[], object]]) -> list[float]:
    """Run the jobs in turn, round after round, and return the median seconds of each."""
    taken: list[list[float]] = [[] for _ in jobs]
    for number in range(_WARM_UP + _ROUNDS):
        for job, seconds in zip(jobs, taken, strict=True):
            start = time.perf_counter()
            job()
            if number >= _WARM_UP:  # kernels are compiled at their first use
                seconds.append(time.perf_counter() - start)
    return [statistics.median(seconds) for seconds in taken]


def _fit(measured: Sequence[tuple[tuple[float, ...], float]]) -> tuple[float, ...]:
    """Return the costs, none negative, that come nearest to what was measured, in squares of relative errors.

    Args:
        measured: the parts of some work, and its seconds.
    """
    works, seconds = zip(*measured, strict=True)
    matrix = np.array(works, dtype=np.float64) / np.array(seconds)[:, None]
    scale = np.maximum(np.abs(matrix).max(0), 1e-300)
    return tuple(float(cost) for cost in _non_negative(matrix / scale, np.ones(len(measured))) / scale)


def _non_negative(matrix: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the solution of least squares without negative numbers, by coordinate descent."""
    found: NDArray[np.float64] = np.zeros(matrix.shape[1])
    squares = (matrix**2).sum(0)
    rest = wanted.copy()
    for _ in range(20_000):
        for column in np.flatnonzero(squares):
            change = max(-found[column], matrix[:, column] @ rest / squares[column])
            found[column] += change
            rest -= change * matrix[:, column]
    return found
