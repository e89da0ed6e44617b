"""C and L of ConvNet-C at p = 0.85: this package, igraph, dense BLAS products, scipy and networkit, in turn."""

import argparse
import importlib.util
from collections.abc import Callable

import igraph
import numpy as np
import scipy.sparse
import scipy.sparse.csgraph
from _timing import alternate, machine, peak_memory, report

from swann.graph import LayerGraph
from swann.smallworld import UndirectedGraph, measure, path_lengths, rewire, triangles

CONVNET_C = (3, *[64] * 2, *[128] * 2, *[256] * 3, *[512] * 6)


def dense_products(adjacency: np.ndarray) -> tuple[float, float]:
    """Return C and L by single-precision matrix products: A·A for triangles, then a product for each distance."""
    degrees = adjacency.sum(axis=1)
    common = adjacency @ adjacency
    clustering = float(((common * adjacency).sum(axis=1) / np.maximum(degrees * (degrees - 1), 1)).mean())
    reached = adjacency.astype(bool)
    np.fill_diagonal(reached, True)
    n_reached, total, distance = np.count_nonzero(reached), adjacency.sum(dtype=np.float64), 1
    product = common
    while True:
        reached |= product > 0
        distance += 1
        n_now = np.count_nonzero(reached)
        total += distance * (n_now - n_reached)
        if n_now in (n_reached, reached.size):
            return clustering, total / (n_now - len(adjacency))
        n_reached = n_now
        product = reached.astype(np.float32) @ adjacency


def networkit_jobs(n_nodes: int, edges: np.ndarray, results: list[float]) -> dict[str, Callable[[], object]]:
    """Return C and L by networkit, which no extra of swann installs; nothing where it is missing."""
    if importlib.util.find_spec("networkit") is None:
        print("networkit is not installed: `uv pip install networkit` to have it in the table")
        return {}
    import networkit

    machine("networkit")
    graph = networkit.GraphFromCoo((edges[:, 0], edges[:, 1]), n=n_nodes, directed=False)

    def path_length() -> None:
        distances = networkit.distance.APSP(graph).run().getDistances(asarray=True)
        results.append(np.asarray(distances).sum() / (n_nodes * (n_nodes - 1)))

    return {
        "networkit, C": lambda: networkit.centrality.LocalClusteringCoefficient(graph, turbo=True).run(),
        "networkit, L": path_length,
    }


def main() -> None:
    """Check that all give the same figures, then time them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slow", action="store_true", help="igraph's and scipy's path lengths too (minutes)")
    arguments = parser.parse_args()
    machine("igraph", "scipy")
    graph = rewire(LayerGraph.chain(CONVNET_C), 0.85, repair=False).graph
    undirected = UndirectedGraph.from_layer_graph(graph)
    print(graph)
    n_nodes, edges = graph.n_nodes, graph.edges()
    adjacency = np.zeros((n_nodes, n_nodes), dtype=np.float32)
    adjacency[edges[:, 0], edges[:, 1]] = adjacency[edges[:, 1], edges[:, 0]] = 1
    oracle = igraph.Graph(n=n_nodes, edges=edges.tolist())
    sparse = scipy.sparse.csr_array(adjacency)
    figures = measure(graph)
    assert np.allclose(dense_products(adjacency), (figures.clustering, figures.path_length))
    assert np.isclose(oracle.transitivity_avglocal_undirected(mode="zero"), figures.clustering, rtol=1e-12)
    results: list[float] = []
    jobs = {
        "swann, C and L from the layer graph": lambda: measure(graph),
        "swann, one thread": lambda: measure(graph, threads=1),
        "swann, L alone": lambda: path_lengths(undirected),
        "swann, triangles alone": lambda: triangles(undirected),
        "dense products, C and L": lambda: dense_products(adjacency),
        "igraph, C": lambda: oracle.transitivity_avglocal_undirected(mode="zero"),
    }
    slow = {
        "igraph, L": lambda: results.append(oracle.average_path_length()),
        "scipy, L": lambda: results.append(
            scipy.sparse.csgraph.shortest_path(sparse, unweighted=True).sum() / (n_nodes * (n_nodes - 1))
        ),
    }
    slow |= networkit_jobs(n_nodes, edges, results) if arguments.slow else {}
    seconds = alternate(jobs | (slow if arguments.slow else {}), arguments.rounds, once=tuple(slow))
    assert np.allclose(results, figures.path_length, rtol=1e-12)
    report(seconds, "swann, C and L from the layer graph")
    print(f"peak memory of all of them together: {peak_memory()}")


if __name__ == "__main__":
    main()
