"""C and L of sparse random graphs of mean degree 10: this package and igraph, in turn."""

import argparse

import igraph
import numpy as np
from _timing import alternate, machine, peak_memory, report

from swann.smallworld import erdos_renyi, measure, ring_lattice


def main() -> None:
    """Time random graphs against igraph, and a ring lattice, whose diameter is large, alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-igraph", action="store_true")
    arguments = parser.parse_args()
    machine("igraph")
    graph = erdos_renyi(arguments.nodes, 5 * arguments.nodes, np.random.default_rng(0))
    ring = ring_lattice(arguments.nodes, 5 * arguments.nodes)
    oracle = igraph.Graph(n=graph.n_nodes, edges=graph.edges().tolist())
    print(graph, measure(graph))
    jobs = {
        "swann, C and L": lambda: measure(graph),
        "swann, one thread": lambda: measure(graph, threads=1),
        "swann, ring lattice": lambda: measure(ring),
    }
    slow = {
        "igraph, C": lambda: oracle.transitivity_avglocal_undirected(mode="zero"),
        "igraph, L": lambda: oracle.average_path_length(),
    }
    seconds = alternate(jobs | ({} if arguments.no_igraph else slow), arguments.rounds, once=("igraph, L",))
    report(seconds, "swann, C and L")
    print(f"peak memory: {peak_memory()}")


if __name__ == "__main__":
    main()
