"""What a round of federated learning costs over the pure training of its clients.

    python benchmarks/federated.py [--steps N] [--rounds N]

100 clients of 600 images, 10 a round, batches of 10; MNIST-5 and its twin. Prints a Markdown table: of each round after
the first, its seconds over those of its clients' training, divided by the processes that they run in; median and range.
Rounds are not evaluated.
"""

import argparse
import os
import statistics
from itertools import pairwise

import torch

import swann
from swann.data import ImageData
from swann.federated import Architecture, FederatedConfig, FederatedHistory, LocalTraining, simulate, split


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, help="steps of a client in a round, in the place of an epoch")
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    data = _noise()
    clients = split("iid", data.train_labels.numpy(), 100)
    print("| network | processes | seconds a round | over training |\n| --- | ---: | ---: | ---: |")
    for name, p in (("MNIST-5, p = 0", 0.0), ("its twin, p = 0.5", 0.5)):
        for n_workers in (1, min(2, os.cpu_count() or 1)):
            for compression in ("none", "int8"):
                network = swann.convert(swann.models.mnist5(), torch.zeros(1, 1, 28, 28), p, seed=0)
                config = FederatedConfig(
                    rounds=arguments.rounds,
                    local=LocalTraining(epochs=None if arguments.steps else 1, steps=arguments.steps),
                    compression=compression,
                    evaluate_every=arguments.rounds,
                )
                history = simulate(network, Architecture.of(network), data, clients, config, n_workers=n_workers)
                seconds, ratios = _costs(history, n_workers)
                spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
                print(
                    f"| {name}, {compression} | {n_workers} | {statistics.median(seconds):.2f} | {spread} |", flush=True
                )


def _costs(history: FederatedHistory, n_workers: int) -> tuple[list[float], list[float]]:
    """Return the seconds of each round but the first and the last, which is evaluated, and their ratios."""
    pairs = list(pairwise(history.rounds))[:-1]
    seconds = [after.elapsed_seconds - before.elapsed_seconds for before, after in pairs]
    ratios = [each / (after.client_seconds / n_workers) for each, (_, after) in zip(seconds, pairs, strict=True)]
    return seconds, ratios


def _noise() -> ImageData:
    images = torch.randint(0, 256, (60_000, 1, 28, 28), dtype=torch.uint8)
    labels = torch.arange(60_000) % 10
    return ImageData.from_tensors("noise", tuple("0123456789"), images, labels, images[:1000], labels[:1000])


if __name__ == "__main__":
    main()
