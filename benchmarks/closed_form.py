"""The closed form: its time for a network of 10⁹ edges, and its error against the exact engine."""

import argparse

import numpy as np
from _timing import alternate, machine, report

from swann.graph import LayerGraph
from swann.smallworld import expected_small_worldness, reference, rewire, small_worldness

NETWORKS: dict[str, tuple[tuple[int, ...], tuple[int, ...] | None]] = {
    "MNIST-5": ((1, 6, 16, 120, 84, 10), None),
    "ConvNet-C": ((3, *[64] * 2, *[128] * 2, *[256] * 3, *[512] * 6), None),
    "AlexNet, convolutions": ((3, 96, 256, 384, 384, 256), None),
    "AlexNet, convolutions, groups": ((3, 96, 256, 384, 384, 256), (1, 2, 1, 2, 2)),
    "ResNet-18": ((3, *[64] * 5, *[128] * 4, *[256] * 4, *[512] * 4, 1000), None),
    "DenseNet-40, first block": ((24, *[12] * 12), None),
}


def main() -> None:
    """Print the times, then the largest relative error of S for each network."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    machine()
    sizes = [2242] * 200
    jobs = {
        f"200 layers, 10^9 edges, p={p}, {draw}": (lambda p=p, draw=draw: expected_small_worldness(sizes, p, draw=draw))
        for draw in ("nodes", "layers")
        for p in (0.0, 0.01, 0.5, 1.0)
    }
    alternate(jobs, 1)
    report(alternate(jobs, 7), "200 layers, 10^9 edges, p=0.5, nodes")
    print("\n| network | draw | largest error of S | at p | standard error of the exact S there |")
    print("| --- | --- | --- | --- | --- |")
    for name, (network, groups) in NETWORKS.items():
        chain = LayerGraph.chain(network, groups)
        n_seeds = arguments.seeds * (10 if chain.n_nodes < 500 else 1)
        references = reference(chain.n_nodes, chain.n_edges, samples=n_seeds)
        for draw in ("nodes", "layers"):
            errors = []
            for p in (0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 1.0):
                graphs = [rewire(chain, p, seed=seed, draw=draw, repair=False).graph for seed in range(n_seeds)]
                exact = [small_worldness(graph, references=references) for graph in graphs]
                values = np.array([figures.S for figures in exact])
                expected = expected_small_worldness(network, p, draw=draw, groups=groups).S
                noise = float(np.hypot(values.std(ddof=1) / np.sqrt(n_seeds), exact[0].standard_error))
                errors.append((expected / values.mean() - 1, p, noise / values.mean()))
            error, p, noise = max(errors, key=lambda entry: abs(entry[0]))
            print(f"| {name} | {draw} | {error:+.2%} | {p} | {noise:.2%} |", flush=True)


if __name__ == "__main__":
    main()
