"""Tables that are worked through one after the other, on buffers in one block of memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._arena import Buffers, Held
from ._assembly import LINK, TABLE, TASK
from ._tables import Programs, Task, run_address, tasks_of
from ._turns import TURN, run_in_turn


@dataclass(frozen=True)
class Given:
    """An address that is given anew for each pass: its number among those, and bytes from there."""

    number: int
    offset: int = 0


Address = int | Held | Given


def moved(address: Address, n_bytes: int) -> Address:
    """Return the address some bytes further on."""
    if isinstance(address, int):
        return address + n_bytes
    return replace(address, offset=address.offset + n_bytes)


@dataclass(frozen=True)
class Row:
    """What is done with each of some nodes; see `swann.nn.kernels._assembly.LINK`. `keeps` lives as long as the row."""

    programs: Programs
    result: Address
    result_stride: int
    operand: Address
    operand_stride: int
    indptr: Address
    indices: Address = 0
    weights: Address = 0
    order: Address = 0
    keeps: object = None


@dataclass(frozen=True, eq=False)
class Schedule:
    """A finished schedule, which any number of `Workspace`s may run.

    Args:
        tables: for each table its first task and the number of its tasks.
        tasks: of all tables, see `swann.nn.kernels._assembly.TASK`.
        links: of all tables, see `swann.nn.kernels._assembly.LINK`; addresses that are not known yet are zero.
        held: for each address in a buffer its row and column in `links`, and its place in the block.
        given: for each address that is given its row and column in `links`, its number, and bytes from there.
        starts: where each buffer begins in the block.
        n_bytes: of the block.
        rows: what the tables were made of, kept alive.
    """

    tables: NDArray[np.int64]
    tasks: NDArray[np.int64]
    links: NDArray[np.int64]
    held: NDArray[np.int64]
    given: NDArray[np.int64]
    starts: tuple[int, ...]
    n_bytes: int
    rows: tuple[Row, ...]


@dataclass(eq=False)
class ScheduleBuilder:
    """A schedule in the making: buffers live from the first table that names them to the last one."""

    n_threads: int
    buffers: Buffers = field(default_factory=Buffers)
    rows: list[Row] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    tables: list[tuple[int, int]] = field(default_factory=list)

    def buffer(self, n_bytes: int) -> Held:
        """Return a new buffer."""
        return self.buffers.add(n_bytes)

    def use(self, held: Held) -> None:
        """Keep a buffer until the table that is added next has been worked through."""
        self.buffers.use(held, len(self.tables))

    def add(self, bands: Sequence[Sequence[Row]], n_nodes: int) -> None:
        """Add a table: all rows of a band, in order, for each of its tasks, which are ranges of nodes."""
        first_task, spans = len(self.tasks), []
        for band in bands:
            spans.append((len(self.rows), len(self.rows) + len(band)))
            self.rows += band
            for address in (getattr(row, name) for row in band for name in LINK[:6]):
                if isinstance(address, Held):
                    self.use(address)
        self.tasks += tasks_of(spans, n_nodes, self.n_threads)
        self.tables.append((first_task, len(self.tasks) - first_task))

    def finished(self) -> Schedule:
        """Return the schedule."""
        starts, n_bytes = self.buffers.placed()
        links = np.zeros((len(self.rows), len(LINK)), dtype=np.int64)
        held: list[tuple[int, int, int]] = []
        given: list[tuple[int, int, int, int]] = []
        for number, row in enumerate(self.rows):
            for column, name in enumerate(LINK[:6]):
                address = getattr(row, name)
                if isinstance(address, Held):
                    held.append((number, column, starts[address.buffer] + address.offset))
                elif isinstance(address, Given):
                    given.append((number, column, address.number, address.offset))
                else:
                    links[number, column] = address
            programs = row.programs.rows
            links[number, 6:] = (
                *(row.result_stride, 0, row.operand_stride, 0, 1, 1),
                len(programs),
                programs.ctypes.data,
            )
        return Schedule(
            np.array(self.tables, dtype=np.int64).reshape(-1, 2),
            np.array(self.tasks, dtype=np.int64).reshape(-1, len(TASK)),
            links,
            np.array(held, dtype=np.int64).reshape(-1, 3),
            np.array(given, dtype=np.int64).reshape(-1, 4),
            starts,
            n_bytes,
            tuple(self.rows),
        )


class Workspace:
    """The memory in which one thread runs a schedule, and its tables.

    Args:
        schedule: the schedule.
    """

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule
        with torch.inference_mode(False):
            self.memory = torch.empty(schedule.n_bytes, dtype=torch.uint8)
        self.links = schedule.links.copy()
        rows, columns, places = schedule.held.T
        self.links[rows, columns] = self.memory.data_ptr() + places
        self.tables = np.zeros((len(schedule.tables), len(TABLE)), dtype=np.int64)
        self.tables[:, 1] = schedule.tables[:, 1]
        self.tables[:, 2] = schedule.tasks.ctypes.data + schedule.tasks.strides[0] * schedule.tables[:, 0]
        self.tables[:, 3] = self.links.ctypes.data
        self.turns = np.zeros((len(schedule.tables), len(TURN)), dtype=np.int64)
        self.turns[:, 0] = run_address("forward")
        self.turns[:, 1] = self.tables.ctypes.data + self.tables.strides[0] * np.arange(len(schedule.tables))
        self.addresses: list[int] = []
        self.views: dict[Held, Tensor] = {}  # of maps that are read in each pass

    def give(self, addresses: list[int]) -> None:
        """Set the addresses that are given for a pass."""
        if addresses != self.addresses:
            rows, columns, numbers, offsets = self.schedule.given.T
            self.links[rows, columns] = np.array(addresses, dtype=np.int64)[numbers] + offsets
            self.addresses = addresses

    def run(self, first: int, last: int) -> None:
        """Work through the tables from a first one up to, but without, a last one."""
        self.tables[first:last, 0] = 0
        run_in_turn(last - first, self.turns.ctypes.data + self.turns.strides[0] * first)

    def view(self, held: Held, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
        """Return what a buffer holds; it changes with the next pass."""
        start = self.schedule.starts[held.buffer] + held.offset
        n_bytes = math.prod(shape) * dtype.itemsize
        return self.memory[start : start + n_bytes].view(dtype).view(shape)
