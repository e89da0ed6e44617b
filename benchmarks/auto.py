"""`backend="auto"` and `"sparse"` against `"masked"`, in turn within one process, at inference and a training step."""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable

import torch
from _timing import machine
from torch import nn

import swann
from swann.nn import SmallWorldNetwork

MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, int, int]]] = {
    "mnist5": (swann.models.mnist5, (1, 28, 28)),
    "convnet_c/4": (lambda: swann.models.convnet_c(width=0.25), (3, 32, 32)),
    "resnet18/4": (lambda: swann.models.resnet18(width=0.25, image_size=64, n_classes=10), (3, 64, 64)),
}
BACKENDS = ("masked", "sparse", "auto")


def inference(network: SmallWorldNetwork, images: torch.Tensor) -> Callable[[], None]:
    """Return what computes the network's output."""

    def job() -> None:
        with torch.inference_mode():
            network(images)

    return job


def training_step(network: SmallWorldNetwork, images: torch.Tensor) -> Callable[[], None]:
    """Return what runs forward and backward through the network and changes its weights."""
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    labels = torch.arange(len(images)) % 10

    def job() -> None:
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return job


def alternate(network: SmallWorldNetwork, job: Callable[[], None], seconds: float) -> dict[str, float]:
    """Return the median time of a job with each backend, the backends in turn for about so many seconds."""
    taken: dict[str, list[float]] = {backend: [] for backend in BACKENDS}
    for backend in BACKENDS:
        network.use_backend(backend)
        job()
        job()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(taken["auto"]) < 7:
        for backend in BACKENDS:
            network.use_backend(backend)
            start = time.perf_counter()
            job()
            taken[backend].append(time.perf_counter() - start)
    return {backend: statistics.median(values) for backend, values in taken.items()}


def main() -> None:
    """Print a table of times and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    parser.add_argument("--p", nargs="+", type=float, default=[0.1, 0.5, 0.9])
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 10, 32, 128])
    parser.add_argument("--seconds", type=float, default=0.5, help="for each line of the table")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    machine("torch")
    print(f"{arguments.threads} threads")
    print("| network | p | job | batch | masked ms | sparse/masked | auto/masked |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    worst = 0.0
    for name, p in itertools.product(arguments.models, arguments.p):
        create, size = MODELS[name]
        network = swann.convert(create(), torch.zeros(1, *size), p)
        for batch, trains in itertools.product(arguments.batches, (False, True)):
            network.train(trains)
            images = torch.randn(batch, *size)
            if trains and batch == 1:
                continue  # batch norm over a 1×1 map needs two samples
            job = (training_step if trains else inference)(network, images)
            found = alternate(network, job, arguments.seconds)
            sparse, auto = found["sparse"] / found["masked"], found["auto"] / found["masked"]
            worst = max(worst, auto)
            print(
                f"| {name} | {p:g} | {'training step' if trains else 'inference'} | {batch} "
                f"| {1e3 * found['masked']:.2f} | {sparse:.2f} | {auto:.2f} |",
                flush=True,
            )
    print(f"largest auto/masked: {worst:.3f}")


if __name__ == "__main__":
    main()
