import subprocess
import sys
from pathlib import Path

import igraph
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import swann
from swann._errors import InvalidValueError
from swann.graph import LayerGraph
from swann.smallworld import (
    PathLengths,
    UndirectedGraph,
    _matrix_products,
    measure,
    path_lengths,
    reference,
    rewire,
    search,
    small_worldness,
    triangles,
)
from swann.smallworld._matrix_products import matrix_products

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")


def igraph_figures(graph: UndirectedGraph) -> tuple[list[int], PathLengths]:
    oracle = igraph.Graph(n=graph.n_nodes, edges=graph.edges().tolist())
    counts = np.bincount(np.ravel(oracle.list_triangles()).astype(int), minlength=graph.n_nodes)
    histogram = oracle.path_length_hist(directed=False)
    at_distance = tuple(int(count) for _, _, count in histogram.bins())
    return counts.tolist(), PathLengths(at_distance, int(histogram.unconnected))


def figures(graph: UndirectedGraph, device: str = "cpu") -> tuple[list[int], PathLengths]:
    counts, lengths = matrix_products(graph, device)
    return counts.tolist(), lengths


def random_graph(n_nodes: int, n_edges: int, seed: int = 0) -> UndirectedGraph:
    edges = np.random.default_rng(seed).integers(0, n_nodes, size=(n_edges, 2))
    return UndirectedGraph.from_edges(n_nodes, edges[edges[:, 0] != edges[:, 1]])


@st.composite
def graphs(draw):
    n_nodes = draw(st.integers(2, 40))
    pairs = st.tuples(st.integers(0, n_nodes - 1), st.integers(0, n_nodes - 1)).filter(lambda pair: pair[0] != pair[1])
    return UndirectedGraph.from_edges(n_nodes, draw(st.lists(pairs, max_size=120)))


def use_small_tiles(monkeypatch: pytest.MonkeyPatch, tile: int) -> None:
    """Take `tile` nodes at a time, and make the rows anew whenever they are needed."""
    monkeypatch.setattr(_matrix_products, "_TILE", tile)
    monkeypatch.setattr(_matrix_products, "_MOST_KEPT_ENTRIES", 0)


@given(graphs(), st.sampled_from([1, 3, 7, 2048]))
def test_the_figures_equal_igraphs_on_any_graph_in_tiles_of_any_size(graph, tile):
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_small_tiles(monkeypatch, tile)
        assert figures(graph) == igraph_figures(graph)


@pytest.mark.parametrize(("n_nodes", "n_edges"), [(600, 0), (600, 200), (700, 700), (500, 3000), (300, 40_000)])
def test_the_figures_equal_igraphs_on_sparse_disconnected_dense_and_empty_graphs(n_nodes, n_edges):
    graph = random_graph(n_nodes, n_edges)
    assert figures(graph) == igraph_figures(graph)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), st.floats(0, 1), st.integers(0, 100))
def test_measure_gives_the_very_same_figures_of_a_rewired_network(sizes, p, seed):
    graph = rewire(LayerGraph.chain(sizes), p, seed=seed, repair=False).graph
    assert measure(graph, device="cpu") == measure(graph)


@pytest.mark.parametrize("kept", [0, 2**27])
def test_a_graph_of_several_tiles_gives_the_figures_of_the_bit_sets(monkeypatch, kept):
    monkeypatch.setattr(_matrix_products, "_MOST_KEPT_ENTRIES", kept)
    graph = random_graph(2500, 60_000)
    counts, lengths = matrix_products(graph, "cpu")
    assert np.array_equal(counts, triangles(graph))
    assert lengths == path_lengths(graph)


def test_a_large_graph_is_taken_in_tiles_of_fewer_rows(monkeypatch):
    monkeypatch.setattr(_matrix_products, "_MOST_TILE_ENTRIES", 1000)
    graph = random_graph(150, 400)
    assert _matrix_products._Adjacency(graph, torch.device("cpu")).n_rows == 6
    assert figures(graph) == igraph_figures(graph)


def test_more_common_neighbours_than_half_precision_counts_are_exact():
    """Two hubs with an edge and 2,999 common neighbours, which half precision rounds to 3,000."""
    leaves = range(2, 3001)
    graph = UndirectedGraph.from_edges(3001, [(0, 1), *((hub, leaf) for hub in (0, 1) for leaf in leaves)])
    adjacency = _matrix_products._Adjacency(graph, torch.device("cpu"))
    adjacency.example = adjacency.example.half()
    rows = adjacency.rows(0)[:2]
    assert rows.dtype == torch.float16
    assert _matrix_products._product(rows, rows).tolist() == [[3000, 2999], [2999, 3000]]
    counts, lengths = matrix_products(graph, "cpu")
    assert counts.tolist() == [2999, 2999] + [1] * 2999
    assert lengths == PathLengths((2 * 2999 + 1, 2999 * 2998 // 2), 0)


def test_half_precision_as_on_cuda_gives_the_same_figures(monkeypatch):
    graph = random_graph(120, 900)
    expected = igraph_figures(graph)
    start = _matrix_products._Adjacency.__init__

    def start_in_half(self, *arguments):
        start(self, *arguments)
        self.example = self.example.half()

    monkeypatch.setattr(_matrix_products._Adjacency, "__init__", start_in_half)
    use_small_tiles(monkeypatch, 50)
    assert figures(graph) == expected


def test_a_long_path_has_every_distance_once_more_than_the_next():
    nodes = np.arange(99)
    graph = UndirectedGraph.from_edges(100, np.column_stack((nodes, nodes + 1)))
    assert figures(graph) == ([0] * 100, PathLengths(tuple(range(99, 0, -1)), 0))


def test_the_device_goes_through_to_every_measurement(monkeypatch):
    graph = rewire(LayerGraph.chain([3, 8, 8, 8, 8, 8]), 0.8).graph
    expected = small_worldness(graph, lattice=True), reference(20, 60), search(graph, probabilities=(0, 0.5))
    devices = []

    def counted(graph, device):
        devices.append(device)
        return matrix_products(graph, device)

    monkeypatch.setattr("swann.smallworld._measurement.matrix_products", counted)
    assert small_worldness(graph, lattice=True, device="cpu") == expected[0]
    assert len(devices) == 5 + 1 + 1
    assert reference(20, 60, device="cpu") == expected[1]
    assert len(devices) == 7 + 5
    assert search(graph, probabilities=(0, 0.5), device="cpu") == expected[2]
    assert devices == ["cpu"] * (12 + 5 + 2 * 5)


@pytest.mark.parametrize("device", ["tpu", "meta", "mps", "cuda:x", ""])
def test_a_device_of_another_kind_is_refused(device):
    with pytest.raises(InvalidValueError, match=f"device must be None, 'cpu', 'cuda' or 'cuda:1'.*, got '{device}'"):
        measure(UndirectedGraph.from_edges(2, [[0, 1]]), device=device)


def test_a_cuda_device_that_torch_does_not_find_is_refused():
    name = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(
        InvalidValueError, match=f"device '{name}' was asked for, but torch .* finds .* use device=None"
    ):
        measure(UndirectedGraph.from_edges(2, [[0, 1]]), device=name)


def test_cuda_without_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InvalidValueError, match="device 'cuda' was asked for, but torch .* finds 0 CUDA devices"):
        measure(UndirectedGraph.from_edges(2, [[0, 1]]), device="cuda")


def test_a_graph_too_large_to_count_in_float32_is_refused(monkeypatch):
    monkeypatch.setattr(_matrix_products, "_MOST_NODES", 3)
    with pytest.raises(InvalidValueError, match="matrix products are exact up to 3 nodes, the graph has 4"):
        measure(UndirectedGraph.from_edges(4, [[0, 1]]), device="cpu")


def test_the_floor_loads_without_torch():
    package = Path(swann.__file__).parent
    code = f"""
import sys, types
package = types.ModuleType("swann")
package.__path__ = [{str(package)!r}]
sys.modules["swann"] = package
from swann.smallworld import UndirectedGraph, measure
measure(UndirectedGraph.from_edges(3, [[0, 1], [1, 2]]))
print("torch" in sys.modules)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False"]


@needs_cuda
@pytest.mark.parametrize(("n_nodes", "n_edges"), [(2, 0), (600, 200), (700, 700), (3000, 8000), (5000, 1_500_000)])
def test_the_figures_on_cuda_equal_those_of_the_bit_sets(n_nodes, n_edges):
    graph = random_graph(n_nodes, n_edges)
    counts, lengths = matrix_products(graph, "cuda")
    assert np.array_equal(counts, triangles(graph))
    assert lengths == path_lengths(graph)


@needs_cuda
def test_many_common_neighbours_are_exact_on_cuda():
    """Every pair of 4,500 nodes has 4,498 common neighbours, more than half precision counts."""
    n_nodes = 4500
    graph = UndirectedGraph.from_edges(n_nodes, np.argwhere(np.triu(np.ones((n_nodes, n_nodes), bool), 1)))
    counts, lengths = matrix_products(graph, "cuda")
    assert np.all(counts == (n_nodes - 1) * (n_nodes - 2) // 2)
    assert lengths == PathLengths((n_nodes * (n_nodes - 1) // 2,), 0)
