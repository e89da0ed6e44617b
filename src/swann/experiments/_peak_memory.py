"""The memory that a training step holds at its peak, measured in a process of its own."""

import ctypes
import gc
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import torch

from .._errors import SwannError
from ._bench_steps import Candidate, random_data, training_step

_RESET = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
_WARM_UP, _STEPS = 2, 3


class PeakMemoryError(SwannError, RuntimeError):
    """The peak memory of a training step cannot be measured here."""


def peak_memory(candidate: Candidate, shape: tuple[int, ...], n_classes: int, batch: int, threads: int) -> int:
    """Return the most bytes that a network's training step holds, in a fresh process.

    They are the weights and buffers, and what the process grows by from before there are data, gradients and an
    optimizer to the peak of three steps. What libraries load or compile at their first use is not counted: two steps
    come before, and what these held is given back. Memory that is freed counts as free at once: blocks from a megabyte
    on are mapped each on their own (`MALLOC_MMAP_THRESHOLD_`). By itself glibc raises that bound as a process goes on,
    and then holds up to half as much again, by the order in which blocks come and go.

    Args:
        candidate: the network; whether it is compiled plays no role.
        shape: of one input.
        n_classes: of its outputs.
        batch: inputs of a step.
        threads: CPU threads.

    Raises:
        PeakMemoryError: the process fails, or this is not Linux, or the network cannot be sent to a process.
    """
    if not os.access(_RESET, os.W_OK):
        raise PeakMemoryError(f"peak memory is measured with {_RESET}, which only Linux has")
    packed = io.BytesIO()
    try:
        layout = str(candidate.memory_format)  # torch.channels_last cannot be saved itself
        torch.save((candidate.network, layout, candidate.lowers, shape, n_classes, batch, threads), packed)
    except Exception as error:
        raise PeakMemoryError(f"the network cannot be sent to a process of its own: {error}") from error
    program = f"from {__name__} import _main; _main()"
    paths = os.pathsep.join([*filter(None, sys.path), str(Path.cwd())])
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=packed.getvalue(),
        capture_output=True,
        env=os.environ | {"PYTHONPATH": paths, "MALLOC_MMAP_THRESHOLD_": str(2**20)},
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise PeakMemoryError(f"its process ended with code {done.returncode}: {lines[-1] if lines else 'no message'}")
    return int(json.loads(done.stdout.splitlines()[-1]))


def _main() -> None:
    packed = io.BytesIO(sys.stdin.buffer.read())
    network, layout, lowers, shape, n_classes, batch, threads = torch.load(packed, weights_only=False)
    memory_format = getattr(torch, layout.removeprefix("torch."))
    torch.set_num_threads(threads)
    if memory_format is not torch.contiguous_format:
        network = network.to(memory_format=memory_format)
    print(_measure(Candidate(network, memory_format, lowers=lowers), shape, n_classes, batch))


def _measure(candidate: Candidate, shape: tuple[int, ...], n_classes: int, batch: int) -> int:
    network = candidate.network

    def train(n_steps: int) -> None:
        inputs, labels = random_data(shape, n_classes, batch, seed=0)
        inputs = inputs.contiguous(memory_format=candidate.memory_format)
        step = training_step(network, inputs, labels, lowers=candidate.lowers)
        for _ in range(n_steps):
            step()

    train(_WARM_UP)
    gc.collect()
    _give_back_free_memory()
    _RESET.write_text("5")  # the peak becomes what is held now
    before = _kilobytes("VmRSS")
    train(_STEPS)
    grown = 1024 * (_kilobytes("VmHWM") - before)
    return grown + sum(tensor.nbytes for tensor in (*network.parameters(), *network.buffers()))


def resident_bytes() -> int:
    """Return the resident memory of this process.

    Raises:
        PeakMemoryError: this is not Linux.
    """
    if not _STATUS.is_file():
        raise PeakMemoryError(f"memory is read from {_STATUS}, which only Linux has")
    return 1024 * _kilobytes("VmRSS")


def _give_back_free_memory() -> None:
    """Return what the allocator keeps to the system, where the C library can."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _kilobytes(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", _STATUS.read_text())
    if found is None:
        raise PeakMemoryError(f"{_STATUS} has no {name}")
    return int(found[1])
