"""Time the block kernels of a small-world network on a GPU, in each of several shapes, layer by layer.

A shape is the places that a program works on, its warps and the stages of its loads (`swann.nn.gpu._passes`). The
layers' maps are random; a kernel is recorded ten times in a CUDA graph, and the least of three replays counts. Each
result is compared with that of the shape in use. Kernels are compiled beforehand by as many processes as are asked for:

    python benchmarks/gpu_kernels.py --compile-with 12 --out kernels.json

With `--device cpu --width 0.1 --granularity 8 --batch 1` it can be seen whether it runs where there is no GPU, slowly.
"""

import argparse
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from gpu import PRECISIONS, machine, make_networks, set_precision
from torch import Tensor

from swann._files import write_text
from swann.nn.gpu import LayerLayout, _passes, prepare
from swann.nn.gpu._layout import unflatten_layout

Shape = _passes._Shape
KERNELS = ("forward", "input_gradient", "weight_gradient")
"""The last one with the kernel that brings the gradients to their places."""

_REPEATS, _REPLAYS = 10, 3


class Layer(NamedTuple):
    """A layer's operands: maps, weights and the gradient of its map."""

    layout: LayerLayout
    tables: Tensor
    sources: list[Tensor]
    weights: list[Tensor]
    bias: Tensor
    gradient: Tensor


class Job(NamedTuple):
    """A kernel in a precision and a shape."""

    precision: str
    kernel: str
    shape: Shape


def main() -> None:
    """Read the options, compile, and measure job after job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="convnet_c")
    parser.add_argument("--granularity", type=int, default=32)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=[*PRECISIONS])
    parser.add_argument("--kernels", nargs="+", choices=KERNELS, default=[*KERNELS])
    parser.add_argument("--places", nargs="+", type=int, default=[64, 128])
    parser.add_argument("--warps", nargs="+", type=int, default=[4, 8])
    parser.add_argument("--stages", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--compile-with", type=int, default=1, help="processes that compile before")
    parser.add_argument("--part", nargs=2, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu_kernels.json"))
    options = parser.parse_args()
    if options.device == "cuda" and not torch.cuda.is_available():
        sys.exit("no CUDA device: nothing was measured")
    jobs = jobs_of(options)
    if options.part:
        compile_jobs(jobs[options.part[0] :: options.part[1]], options)
        return
    if options.compile_with > 1:
        parts = [[str(number), str(options.compile_with)] for number in range(options.compile_with)]
        running = [subprocess.Popen([sys.executable, *sys.argv, "--part", *part]) for part in parts]
        for each in running:
            each.wait()
    found: dict[str, Any] = {"machine": machine(options.device), "jobs": []}
    for precision in options.precisions:
        layers = layers_of(precision, options)
        expected: dict[str, list[list[Tensor]]] = {}
        for job in (job for job in jobs if job.precision == precision):
            found["jobs"].append(measure(job, layers, expected, options.device))
            options.out.parent.mkdir(parents=True, exist_ok=True)
            write_text(options.out, json.dumps(found, indent=1) + "\n")
    report(found["jobs"])


def jobs_of(options: argparse.Namespace) -> list[Job]:
    """Return the shape in use of each kernel and precision, and all that are asked for."""
    jobs = []
    for precision, kernel in itertools.product(options.precisions, options.kernels):
        grid = itertools.product(options.places, options.warps, options.stages)
        asked = [Shape(places_from(most), warps, stages) for most, warps, stages in grid]
        shapes = dict.fromkeys([_passes._SHAPES[kernel][size_of(precision)], *asked])
        jobs += [Job(precision, kernel, shape) for shape in shapes]
    return jobs


def places_from(most: int) -> tuple[int, ...]:
    """Return a choice of places for layers of all sizes: 32 at the least, where there are few."""
    return tuple(most >> shift for shift in range(most.bit_length() - 5)) or (most,)


def size_of(precision: str) -> int:
    """Return the bytes of a number."""
    return 2 if precision == "bf16" else 4


def layers_of(precision: str, options: argparse.Namespace) -> list[Layer]:
    """Return the layers that are not dense, with random operands."""
    set_precision(precision)
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    generator = torch.Generator(options.device).manual_seed(0)

    def draw(*size: int) -> Tensor:
        drawn = torch.randn(options.batch, *size, generator=generator, device=options.device, dtype=kind)
        return drawn.contiguous(memory_format=torch.channels_last)

    _, twin, _ = make_networks(options.network, options.granularity, options)
    found = []
    for layer in twin.each_layer():
        links = [link for _, link in layer.each_link()]
        if all(link.is_full for link in links):
            continue
        prepare(layer, "blocks")
        layout = unflatten_layout(tuple(layer.layout))
        weights = [link.weight.detach().reshape(len(link.weight), -1).to(options.device) for link in links]
        sources = [draw(link.n_sources, *link.source) for link in layout.links]
        gradient = draw(layout.n_targets, *layout.target)
        tables, bias = layer.tables.to(options.device), layer.bias.detach().to(options.device)
        found.append(Layer(layout, tables, sources, weights, bias, gradient))
    return found


def compile_jobs(jobs: list[Job], options: argparse.Namespace) -> None:
    """Run jobs once, so that their kernels are in Triton's cache."""
    for precision in dict.fromkeys(job.precision for job in jobs):
        layers = layers_of(precision, options)
        for job in (job for job in jobs if job.precision == precision):
            with used(job):
                for layer in layers:
                    step_of(job.kernel, layer)()


def measure(job: Job, layers: list[Layer], expected: dict[str, list[list[Tensor]]], device: str) -> dict[str, Any]:
    """Return the microseconds of a job for each layer, and how far its results are from those of the shape in use."""
    about = {"precision": job.precision, "kernel": job.kernel, "shape": list(job.shape)}
    with used(job):
        try:
            results = [step_of(job.kernel, layer)() for layer in layers]
            microseconds = [1e6 * seconds(step_of(job.kernel, layer), device) for layer in layers]
        except Exception as error:  # a shape may need more registers or memory than there are
            return about | {"failed": f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"}
    references = expected.setdefault(job.kernel, results)
    difference = max(
        float((left - right).abs().max() / right.abs().max())
        for of_layer, reference in zip(results, references, strict=True)
        for left, right in zip(of_layer, reference, strict=True)
        if right.numel()
    )
    print(f"{job.precision} {job.kernel} {tuple(job.shape)}: {sum(microseconds):.0f} µs, {difference:.1g}", flush=True)
    return about | {"microseconds": microseconds, "difference": difference}


def step_of(kernel: str, layer: Layer) -> Callable[[], list[Tensor]]:
    """Return a function that runs a kernel on a layer."""
    layout, tables, sources, weights, bias, gradient = layer
    if kernel == "weight_gradient":
        return lambda: _passes.weight_gradients(gradient, sources, weights, tables, layout)
    packed = _passes.pack_weights(weights, tables, layout, gradient.dtype, backward=kernel == "input_gradient")
    if kernel == "forward":
        return lambda: [_passes.forward_pass(sources, packed, bias, tables, layout)]
    return lambda: _passes.input_gradients(gradient, sources, packed, tables, layout, [True] * len(sources))


@contextmanager
def used(job: Job) -> Iterator[None]:
    """Let the passes use a job's shape."""
    shapes, size = _passes._SHAPES[job.kernel], size_of(job.precision)
    before = shapes[size]
    shapes[size] = job.shape
    try:
        yield
    finally:
        shapes[size] = before


def seconds(step: Callable[[], object], device: str) -> float:
    """Return the seconds of a step: the least of some replays, each of some steps."""
    step()
    if device != "cuda":
        before = time.perf_counter()
        step()
        return time.perf_counter() - before
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(_REPEATS):
            step()
    graph.replay()
    found = []
    for _ in range(_REPLAYS):
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        found.append(start.elapsed_time(end) / 1e3 / _REPEATS)
    return min(found)


def report(jobs: list[dict[str, Any]]) -> None:
    """Print the jobs of each kernel, the fastest first."""
    print("| precision | kernel | places, warps, stages | µs, all layers | difference |")
    print("| --- | --- | --- | ---: | ---: |")
    measured = [job for job in jobs if "microseconds" in job]
    for job in sorted(measured, key=lambda job: (job["precision"], job["kernel"], sum(job["microseconds"]))):
        places, warps, stages = job["shape"]
        print(
            f"| {job['precision']} | {job['kernel']} | {places[0]}, {warps}, {stages} "
            f"| {sum(job['microseconds']):.0f} | {job['difference']:.1g} |"
        )
    for job in (job for job in jobs if "failed" in job):
        print(f"left out: {job['precision']} {job['kernel']} {job['shape']}: {job['failed']}")


if __name__ == "__main__":
    main()
