"""The cost of C and L against the number of nodes, with the exponents of a fit."""

import argparse
import statistics

import numpy as np
from _timing import alternate, machine, peak_memory

from swann.graph import LayerGraph
from swann.smallworld import measure, rewire


def main() -> None:
    """Time rewired chains of 14 equal layers, p = 0.85, so that the density stays, and fit a power law."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    machine()
    graphs = {}
    for n_nodes in (1024, 2048, 4096, 8192, 16_384):
        sizes = [n_nodes // 14 + (layer < n_nodes % 14) for layer in range(14)]
        graphs[n_nodes] = rewire(LayerGraph.chain(sizes), 0.85, repair=False).graph
    measure(graphs[1024])
    seconds = alternate({str(n): (lambda graph=graph: measure(graph)) for n, graph in graphs.items()}, arguments.rounds)
    medians = [statistics.median(values) for values in seconds.values()]
    print("|  nodes |      edges | median s |")
    print("| ------ | ---------- | -------- |")
    for (n_nodes, graph), median in zip(graphs.items(), medians, strict=True):
        print(f"| {n_nodes:6} | {graph.n_edges:10} | {median:8.4f} |")
    exponent = np.polyfit(np.log(list(graphs)), np.log(medians), 1)[0]
    print(f"time grows as nodes^{exponent:.2f} (edges grow as nodes^2); peak memory {peak_memory()}")


if __name__ == "__main__":
    main()
