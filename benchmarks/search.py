"""The search over p for ConvNet-C: 21 values of p, 5 seeds, 5 references."""

import argparse

from _timing import alternate, machine, peak_memory, report

from swann.graph import LayerGraph
from swann.smallworld import expected_small_worldness, measure, reference, rewire, search

CONVNET_C = (3, *[64] * 2, *[128] * 2, *[256] * 3, *[512] * 6)


def main() -> None:
    """Time the search, its parts, and the closed form over the same values of p."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    machine()
    chain = LayerGraph.chain(CONVNET_C)
    rewired = rewire(chain, 0.85).graph
    expected_small_worldness(CONVNET_C, 0.5)
    measure(rewired)
    results = []
    jobs = {
        "search, 21 p x 5 seeds": lambda: results.append(search(chain)),
        "5 references": lambda: reference(chain.n_nodes, chain.n_edges),
        "one rewiring, p=0.85": lambda: rewire(chain, 0.85),
        "one measurement": lambda: measure(rewired),
        "closed form, 21 p": lambda: [expected_small_worldness(CONVNET_C, step / 20) for step in range(21)],
    }
    report(alternate(jobs, arguments.rounds), "search, 21 p x 5 seeds")
    print(f"best p {results[0].best_p}, S {results[0].best_S:.4f}; peak memory {peak_memory()}")


if __name__ == "__main__":
    main()
