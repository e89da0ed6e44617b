"""Time small batches, as learning on a device has them: a training step and inference, of twins and their baselines.

The baseline is the faster one of PyTorch's two layouts in the same run. All take turns; in each turn small steps are
repeated, as in training, after one that is not counted, because what other networks did is in the caches then.
"""

import argparse
import copy
import statistics
import time
import warnings
from collections.abc import Callable

import torch
import torch.nn.functional as F
from _timing import alternate, machine
from torch import Tensor, nn

import swann
from swann.models import create

NETWORKS = {  # model, channels, image size, width, p
    "MNIST-5": ("swann:mnist5", 1, 28, 1.0, 0.5),
    "ConvNet-C, width 0.25": ("swann:convnet_c", 3, 32, 0.25, 0.85),
    "ConvNet-C": ("swann:convnet_c", 3, 32, 1.0, 0.85),
    "20 plain layers, width 0.5": ("swann:plain20", 3, 32, 0.5, 0.6),
    "ResNet-18, width 0.25, 64 px": ("swann:resnet18", 3, 64, 0.25, 0.83),
}


def main() -> None:
    """Read the options, measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--networks", nargs="+", choices=[*NETWORKS], default=[*NETWORKS])
    parser.add_argument("--batches", type=int, nargs="+", default=[2, 4, 8, 10, 16, 32, 64])
    parser.add_argument("--backend", default="auto")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    machine("torch", "llvmlite")
    warnings.simplefilter("ignore", swann.LeftOutWarning)  # ResNet-18's baseline has its shortcuts
    print(
        "| network | batch | training step: baseline ms | twin / baseline | inference: baseline ms | twin / baseline |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name in arguments.networks:
        for batch in arguments.batches:
            figures = [
                ratio(jobs(name, batch, arguments.backend, trains=trains), arguments.rounds) for trains in (True, False)
            ]
            print(f"| {name} | {batch} | {' | '.join(figures)} |", flush=True)


def jobs(name: str, batch: int, backend: str, *, trains: bool) -> dict[str, Callable[[], None]]:
    """Return a step of the baseline in both layouts, and of its twin."""
    model_name, channels, size, width, p = NETWORKS[name]
    model = create(model_name, in_channels=channels, n_classes=10, image_size=size, width=width, seed=0)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, channels, size, size, generator=generator)
    labels = torch.randint(10, (batch,), generator=generator)
    twin = swann.convert(model, images[:1], p, seed=0).use_backend(backend)
    last = copy.deepcopy(model).to(memory_format=torch.channels_last)
    networks = {
        "plain": (model, images),
        "channels last": (last, images.to(memory_format=torch.channels_last)),
        "twin": (twin, images),
    }
    step = training_step if trains else inference
    return {kind: step(network, given, labels) for kind, (network, given) in networks.items()}


def training_step(network: nn.Module, images: Tensor, labels: Tensor) -> Callable[[], None]:
    """Return a step of SGD."""
    optimizer = torch.optim.SGD(network.train().parameters(), lr=1e-3)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(images), labels).backward()
        optimizer.step()

    return step


def inference(network: nn.Module, images: Tensor, _: Tensor) -> Callable[[], None]:
    """Return a forward pass without gradients."""
    network.eval()

    def step() -> None:
        with torch.inference_mode():
            network(images)

    return step


def ratio(steps: dict[str, Callable[[], None]], rounds: int) -> str:
    """Return the better baseline's milliseconds and, of the ratios to it, the median and the quartiles."""
    first = alternate(steps, 2)
    calls = {kind: max(1, min(20, round(_TURN_SECONDS / found[-1]))) for kind, found in first.items()}
    turns = {kind: turn(step, calls[kind]) for kind, step in steps.items()}
    seconds: dict[str, list[float]] = {kind: [] for kind in steps}
    for number in range(rounds + 1):
        for kind, take in turns.items():
            taken = take()
            if number:
                seconds[kind].append(taken)
    best = min(("plain", "channels last"), key=lambda kind: statistics.median(seconds[kind]))
    ratios = [twin / base for twin, base in zip(seconds["twin"], seconds[best], strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4)
    return f"{1e3 * statistics.median(seconds[best]):.2f} | {median:.2f} ({low:.2f}–{high:.2f})"


_TURN_SECONDS = 0.04


def turn(step: Callable[[], None], calls: int) -> Callable[[], float]:
    """Return a turn: a step several times, after one that is not counted if it is short. It returns mean seconds."""

    def take() -> float:
        if calls > 1:
            step()
        start = time.perf_counter()
        for _ in range(calls):
            step()
        return (time.perf_counter() - start) / calls

    return take


if __name__ == "__main__":
    main()
