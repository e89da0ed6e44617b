"""Steps of any kind that compiled code takes in one call, with addresses that are given anew each time."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ._arena import Buffers, Held
from ._assembly import LINK, TABLE, Pass
from ._code import Element
from ._geometry import LinkShape
from ._passes import link_plan
from ._schedule import Address, Given
from ._tables import run_address
from ._turns import run_in_turn

OWN = 0
"""The number, among the addresses given, of the block of memory in which a script's own buffers stand."""

_WORDS = -1
_WORD = 8


@dataclass(frozen=True)
class Maps:
    """Where the maps of channels stand, or what else there is one of for each channel.

    Args:
        place: the first one.
        of_channel: bytes from one channel to the next.
        of_block: bytes from one block of samples to the next.
    """

    place: Address
    of_channel: int = 0
    of_block: int = 0


class Script:
    """Finished steps, which any number of threads may take at once.

    Args:
        words: all tables; addresses are missing.
        places: by the number of an address which words it is written to, and the bytes to add in each.
        counters: the words that count tasks, which are zero before each run.
        n_turns: how many steps there are.
        first_turn: the word where they begin.
        n_bytes: of the block of the script's own buffers.
        keeps: what the tables point to.
    """

    def __init__(
        self,
        words: NDArray[np.int64],
        places: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]],
        counters: NDArray[np.int64],
        n_turns: int,
        first_turn: int,
        n_bytes: int,
        keeps: Sequence[object],
    ) -> None:
        self.words, self.places, self.counters = words, places, counters
        self.n_turns, self.first_turn, self.n_bytes, self.keeps = n_turns, first_turn, n_bytes, keeps
        self.idle: list[_Tables] = []

    def run(self, addresses: list[int]) -> None:
        """Take all steps.

        Args:
            addresses: by their numbers; the first one is that of a block of `n_bytes`.
        """
        try:
            tables = self.idle.pop()  # one for each thread that is in a run now
        except IndexError:
            tables = _Tables(self)
        try:
            tables.give(self, addresses)
            tables.words[self.counters] = 0
            run_in_turn(self.n_turns, tables.start + _WORD * self.first_turn)
        finally:
            self.idle.append(tables)


class _Tables:
    """The tables of a script with the addresses of the last run."""

    def __init__(self, script: Script) -> None:
        self.words = script.words.copy()
        self.start = self.words.ctypes.data
        self.addresses: list[int] = []
        at, offsets = script.places[_WORDS]
        self.words[at] = self.start + offsets

    def give(self, script: Script, addresses: list[int]) -> None:
        before: Sequence[int | None] = self.addresses or [None] * len(addresses)
        for number, (address, old) in enumerate(zip(addresses, before, strict=True)):
            if address != old and number in script.places:
                at, offsets = script.places[number]
                self.words[at] = address + offsets
        self.addresses = addresses


class ScriptBuilder:
    """A script in the making: buffers live from the first step that names them to the last one.

    Args:
        n_threads: how many threads are to take the steps.
    """

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        self.buffers = Buffers()
        self._parts: list[NDArray[np.int64]] = []
        self._n_words = 0
        self._places: list[tuple[Address, NDArray[np.int64], NDArray[np.int64]]] = []
        self._counters: list[int] = []
        self._turns: list[tuple[int, int]] = []
        self._keeps: list[object] = []

    def buffer(self, n_bytes: int) -> Held:
        """Return a new buffer."""
        return self.buffers.add(n_bytes)

    def add_links(
        self,
        kind: Pass,
        shapes: Sequence[LinkShape],
        element: Element,
        samples: tuple[int, int],
        nodes: Sequence[tuple[int, int]],
        addresses: Sequence[Sequence[Address]],
        *,
        halves: bool = False,
    ) -> None:
        """Add what links do in one pass, to maps in blocks.

        Args:
            kind: the pass.
            shapes: of the links; they have one result for `"forward"` and `"input"`.
            element: type of the maps.
            samples: blocks, and samples of a block.
            nodes: for each link the nodes of the layer where it ends, and of that where it starts.
            addresses: for each link the first six columns of `swann.nn.kernels._assembly.LINK`; the last of them
                for `"input"` alone.
            halves: whether what they multiply is in halves: the operands, and for the weights the result too.
        """
        numbers = tuple(number for shape in shapes for number in shape.flat())
        targets, sources = zip(*nodes, strict=True)
        plan = link_plan(kind, numbers, element, samples, targets, sources, self.n_threads, halves=halves)
        links = self._append(plan.links * (np.arange(len(LINK)) >= 6))
        tasks = self._append(plan.tasks)
        for row, number in enumerate(plan.numbers):
            for column, address in enumerate(addresses[number]):
                self._place(address, links + row * len(LINK) + column)
        table = self._append(np.zeros(len(TABLE), dtype=np.int64))
        self._parts[-1][1] = len(plan.tasks)
        for column, part in ((2, tasks), (3, links)):
            self._places.append((Given(_WORDS), np.array([table + column]), np.array([_WORD * part])))
        self._keeps.append(plan)
        self._turn(run_address(kind, halves=halves), table)

    def add_channels(
        self, call: tuple[int, tuple[int, ...]], samples: tuple[int, int], maps: Sequence[Maps | None]
    ) -> None:
        """Add what a function does to each channel of each block.

        Args:
            call: the address of one that takes tables as `swann.nn.kernels._finish_code` has them, and the last columns
                of its table.
            samples: blocks, and channels.
            maps: the columns of its tasks; None for one that is not read.
        """
        function, sizes = call
        tasks = self._append(np.zeros((*samples, len(maps)), dtype=np.int64))
        blocks, channels = (
            np.arange(length)[:, None] if axis == 0 else np.arange(length) for axis, length in enumerate(samples)
        )
        at = tasks + len(maps) * (blocks * samples[1] + channels)
        for column, each in enumerate(maps):
            if each is not None:
                self._place(each.place, at + column, each.of_block * blocks + each.of_channel * channels)
        table = self._append(np.array([0, math.prod(samples), 0, *sizes], dtype=np.int64))
        self._places.append((Given(_WORDS), np.array([table + 2]), np.array([_WORD * tasks])))
        self._turn(function, table)

    def finished(self, kept: Sequence[Held] = ()) -> tuple[Script, dict[int, int]]:
        """Return the script, and where each of the buffers that outlive it begins in its block.

        Args:
            kept: these buffers.
        """
        for held in kept:
            self.buffers.use(held, len(self._turns))
        first_turn = self._append(np.zeros((len(self._turns), 2), dtype=np.int64))
        for number, (function, table) in enumerate(self._turns):
            self._parts[-1][2 * number] = function
            at = np.array([first_turn + 2 * number + 1])
            self._places.append((Given(_WORDS), at, np.array([_WORD * table])))
        starts, n_bytes = self.buffers.placed()
        words = np.concatenate(self._parts)
        by_number: dict[int, list[tuple[NDArray[np.int64], NDArray[np.int64]]]] = {}
        for address, at, offsets in self._places:
            if isinstance(address, Held):
                by_number.setdefault(OWN, []).append((at, offsets + starts[address.buffer] + address.offset))
            elif isinstance(address, Given):
                by_number.setdefault(address.number, []).append((at, offsets + address.offset))
            else:
                words[at] = address + offsets
        places = {
            number: (np.concatenate([at for at, _ in found]), np.concatenate([offsets for _, offsets in found]))
            for number, found in by_number.items()
        }
        counters = np.array(self._counters, dtype=np.int64)
        script = Script(words, places, counters, len(self._turns), first_turn, n_bytes, tuple(self._keeps))
        return script, {held.buffer: starts[held.buffer] for held in kept}

    def _append(self, values: NDArray[np.int64]) -> int:
        """Append numbers and return the word where they begin."""
        start = self._n_words
        self._parts.append(values.ravel())
        self._n_words += values.size
        return start

    def _place(self, address: Address, at: NDArray[np.int64] | int, offsets: NDArray[np.int64] | int = 0) -> None:
        if isinstance(address, Held):
            self.buffers.use(address, len(self._turns))
        at, offsets = np.broadcast_arrays(at, offsets)
        self._places.append((address, at.ravel(), offsets.ravel()))

    def _turn(self, function: int, table: int) -> None:
        self._turns.append((function, table))
        self._counters.append(table)


def block_of_memory(n_bytes: int) -> torch.Tensor:
    """Return memory for a script's own buffers."""
    return torch.empty(n_bytes, dtype=torch.uint8)


@contextmanager
def borrowed_memory(n_bytes: int) -> Iterator[torch.Tensor]:
    """Lend memory for a script's own buffers, which nobody reads afterwards.

    Of large blocks the last one that was given back is kept: the C library would take another one from the system each
    time, page by page. Smaller ones it keeps itself, and others may have them in between.
    """
    if n_bytes <= _KEPT_BY_LIBRARY:
        yield block_of_memory(n_bytes)
        return
    memory = _IDLE.pop() if _IDLE else None
    if memory is None or memory.nbytes < n_bytes:
        with torch.inference_mode(False):
            memory = block_of_memory(n_bytes)
    try:
        yield memory
    finally:
        _IDLE[:] = [memory]


_KEPT_BY_LIBRARY = 2**25
_IDLE: list[torch.Tensor] = []
