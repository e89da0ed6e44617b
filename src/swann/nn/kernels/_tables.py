"""The tables that compiled loops work through."""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ._assembly import LINK, TASK, Pass, run_function, tile_function
from ._code import Element, Stored
from ._compile import compile_function, vector_bytes
from ._geometry import COLUMN_VECTORS
from ._threads import run_on_all_threads
from ._tiles import TileProgram, Tiles

TASKS_PER_THREAD = 4
_BAND_BYTES = 2**18
"""What is to stay of a result in a core's own cache."""


@dataclass(frozen=True)
class Programs:
    """The programs of a link's tiles.

    Args:
        rows: see `swann.nn.kernels._assembly.PROGRAM`.
        places: where each program's tiles stand; the rows have their addresses.
        most_bytes: the most that a tile reads of one map.
    """

    rows: NDArray[np.int64]
    places: tuple[NDArray[np.int64], ...]
    most_bytes: int


def compiled(tiles: Tiles, element: Element, kind: Pass, n_taps: int, stored: Stored | None = None) -> Programs:
    """Return the programs of tiles, compiled; see `swann.nn.kernels._assembly.tile_function`."""
    return programs_of(
        tiles, np.dtype(element).itemsize, lambda each: tile_function(each, element, kind, n_taps, stored)
    )


def programs_of(tiles: Tiles, size: int, function: Callable[[TileProgram], str]) -> Programs:
    """Return the programs of tiles, compiled.

    Args:
        tiles: where they stand, in elements.
        size: bytes of an element.
        function: returns the module of a program, see `swann.nn.kernels._assembly.tile_function`.
    """
    places = tuple(np.array(of_program, dtype=np.int64) * size for of_program in tiles.values())
    rows = [
        (compile_function(function(program), "tile"), len(at), at.ctypes.data)
        for program, at in zip(tiles, places, strict=True)
    ]
    read = [len({offset for _, _, offset in program.products}) * program.lanes * size for program in tiles]
    return Programs(np.array(rows, dtype=np.int64).reshape(-1, 3), places, max(read, default=0))


def bands(step: int, n_rows: int, bytes_of_row: int) -> list[range | None]:
    """Cut the rows of a result into bands of some steps each that stay in the cache; None where one holds all."""
    height = step * max(1, _BAND_BYTES // (step * max(1, bytes_of_row)))
    if height >= n_rows:
        return [None]
    return [range(start, min(start + height, n_rows)) for start in range(0, n_rows, height)]


def bands_of_places(n_places: int, n_nodes: int, size: int) -> list[range | None]:
    """Cut a result of single places into bands; tiles begin at whole groups of vectors."""
    return bands(COLUMN_VECTORS * (vector_bytes() // size), n_places, n_nodes * size)


LinkRow = Sequence[int]
"""The columns of `swann.nn.kernels._assembly.LINK` after the addresses."""

Task = tuple[int, int, int, int, int]
"""See `swann.nn.kernels._assembly.TASK`."""


def tasks_of(
    bands: Sequence[tuple[int, int]], n_nodes: int, n_threads: int, n_steps: int = 1, per_thread: int = TASKS_PER_THREAD
) -> list[Task]:
    """Return the tasks of a table, which are ranges of nodes.

    Args:
        bands: for each band of the result its first link, and the one after its last.
        n_nodes: of the result.
        n_threads: that take tasks.
        n_steps: steps along the batch.
        per_thread: how many tasks there are for each thread, about.
    """
    width = max(1, math.ceil(n_nodes * n_steps * len(bands) / (per_thread * n_threads)))
    return [
        (first, last, step, begin, min(begin + width, n_nodes))
        for first, last in bands
        for step in range(n_steps)
        for begin in range(0, n_nodes, width)
    ]


@dataclass(frozen=True)
class Plan:
    """What the tables of all calls for tensors of the same shapes have in common.

    Args:
        tasks: see `swann.nn.kernels._assembly.TASK`.
        numbers: which link each row of `links` belongs to; a link has a row for each band of the result.
        links: see `swann.nn.kernels._assembly.LINK`; the addresses are missing.
    """

    tasks: NDArray[np.int64]
    numbers: NDArray[np.int64]
    links: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        bands: Sequence[Sequence[LinkRow]],
        n_nodes: int,
        n_threads: int,
        n_steps: int = 1,
        per_thread: int = TASKS_PER_THREAD,
    ) -> "Plan":
        """Return a plan, given the rows of all links for each band; for the others see `tasks_of`."""
        rows = [(number, *[0] * 5, *row) for band in bands for number, row in enumerate(band)]
        ends = list(itertools.accumulate(map(len, bands), initial=0))
        links = np.array(rows, dtype=np.int64).reshape(-1, len(LINK))
        tasks = tasks_of([*itertools.pairwise(ends)], n_nodes, n_threads, n_steps, per_thread)
        return cls(np.array(tasks, dtype=np.int64).reshape(-1, len(TASK)), links[:, 0].copy(), links)


def run(kind: Pass, plan: Plan, addresses: NDArray[np.int64], *, halves: bool = False) -> None:
    """Work through a plan on all threads.

    Args:
        kind: the pass.
        plan: its tables.
        addresses: for each link the first six columns of its row.
        halves: see `swann.nn.kernels._assembly.run_function`.
    """
    links = plan.links.copy()
    links[:, :6] = addresses[plan.numbers]
    table = np.array([0, len(plan.tasks), plan.tasks.ctypes.data, links.ctypes.data], dtype=np.int64)
    run_on_all_threads(run_address(kind, halves=halves), table.ctypes.data)


@cache
def run_address(kind: Pass, *, halves: bool = False) -> int:
    """Return the address of the function that works through a pass's tables."""
    return compile_function(run_function(kind, halves=halves), "run")
