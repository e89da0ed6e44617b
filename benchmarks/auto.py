"""Time backend "auto" against "masked" and "sparse" over networks, densities, batches, inference and training.

Run `swann calibrate` first; without it, auto chooses by typical costs.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

import swann
from swann.models import create

NETWORKS = {
    "mnist5": ("swann:mnist5", (1, 28, 28), 1.0),
    "ConvNet-C, width 0.25": ("swann:convnet_c", (3, 32, 32), 0.25),
    "ConvNet-C": ("swann:convnet_c", (3, 32, 32), 1.0),
}
BACKENDS = ("masked", "sparse", "auto")


def main() -> None:
    """Read the options, measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--networks", nargs="+", choices=[*NETWORKS], default=[*NETWORKS])
    parser.add_argument("--p", type=float, nargs="+", default=[0.0, 0.3, 0.6, 0.85])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 10, 32, 128])
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(
        "| network | p | batch | pass | masked ms | sparse ms | auto ms | auto / masked | auto / better | dense links |"
    )
    print("| --- | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    against_masked, against_better = [], []
    for name in arguments.networks:
        for p in arguments.p:
            for batch in arguments.batches:
                for training in (False, True)[: 1 + (batch > 1)]:  # batch norm cannot train on one sample
                    seconds, dense = measure(name, p, batch, training, arguments.rounds)
                    medians = {backend: statistics.median(found) for backend, found in seconds.items()}
                    better = min(medians["masked"], medians["sparse"])
                    against_masked.append(medians["auto"] / medians["masked"])
                    against_better.append(medians["auto"] / better)
                    figures = " | ".join(f"{1e3 * medians[backend]:.2f}" for backend in BACKENDS)
                    kind = "training" if training else "inference"
                    print(
                        f"| {name} | {p} | {batch} | {kind} | {figures} | {against_masked[-1]:.2f} | "
                        f"{against_better[-1]:.2f} | {dense} |",
                        flush=True,
                    )
    for what, ratios in (("masked", against_masked), ("the better of both", against_better)):
        print(f"auto / {what}: median {statistics.median(ratios):.2f}, largest {max(ratios):.2f}")


def measure(name: str, p: float, batch: int, training: bool, rounds: int) -> tuple[dict[str, list[float]], str]:
    """Return the seconds of each backend, and how many links auto computes densely."""
    model_name, shape, width = NETWORKS[name]
    model = create(model_name, in_channels=shape[0], n_classes=10, image_size=shape[1], width=width, seed=0)
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(batch, *shape, generator=generator)
    labels = torch.randint(10, (batch,), generator=generator)
    twins = {backend: swann.convert(model, images[:1], p, seed=0).use_backend(backend) for backend in BACKENDS}
    steps = {backend: step(twin.train(training), images, labels, training) for backend, twin in twins.items()}
    seconds: dict[str, list[float]] = {backend: [] for backend in BACKENDS}
    for number in range(rounds + 2):
        for backend in BACKENDS:
            start = time.perf_counter()
            steps[backend]()
            if number > 1:
                seconds[backend].append(time.perf_counter() - start)
    choice = next(iter(twins["auto"]._choices.values()))
    links = [dense for layer in choice for dense in layer]
    return seconds, f"{sum(links)} of {len(links)}"


def step(twin: swann.SmallWorldNetwork, images: Tensor, labels: Tensor, training: bool) -> Callable[[], None]:
    """Return one inference, or one forward and backward pass."""

    def inference() -> None:
        with torch.inference_mode():
            twin(images)

    def forward_and_backward() -> None:
        twin.zero_grad(set_to_none=True)
        F.cross_entropy(twin(images), labels).backward()

    return forward_and_backward if training else inference


if __name__ == "__main__":
    main()
