from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError
from ._path_lengths import PathLengths
from ._undirected_graph import UndirectedGraph

if TYPE_CHECKING:
    import torch
    from torch import Tensor

_MOST_NODES = 2**24
_TILE = 2048
_MOST_TILE_ENTRIES = 2**25
_MOST_KEPT_ENTRIES = 2**27


def matrix_products(graph: UndirectedGraph, device: str) -> tuple[NDArray[np.int64], PathLengths]:
    """Return the triangles of each node and the distances of all pairs, exactly, by products with the adjacency matrix.

    The rows of a tile of nodes start as their neighbours. Times the adjacency matrix they give the common neighbours of
    all pairs, whose sum over a node's edges is twice its triangles, and whose entries above 0 are at distance 2 unless
    they are nearer. These are the rows that the next product starts from, and so on until nothing new is found.

    It is exact in half precision, and in float32 with factors rounded to TF32 or bfloat16: the factors are 0 or 1,
    which all of these hold, and no product sums over more than 2,048 nodes, so that every sum on the way is a whole
    number that half precision and any wider accumulator hold, in whatever order it is taken. The products are added up
    in float32, which holds the common neighbours of 2²⁴ nodes, their entries in int64.

    The work grows as n³ times the largest distance. The memory stays below 2 GB besides the edges, since large graphs
    are taken in tiles of fewer rows.

    Args:
        graph: any undirected graph of at most 2²⁴ nodes.
        device: `"cuda"`, `"cuda:1"` or `"cpu"`, as in torch.

    Returns:
        The triangles, of shape `[n_nodes]`, and the distances.

    Raises:
        InvalidValueError: torch has no such device, or the graph has too many nodes.

    >>> matrix_products(UndirectedGraph.from_edges(4, [[0, 1], [1, 2], [2, 0], [2, 3]]), "cpu")
    (array([1, 1, 1, 0]), PathLengths(histogram=(4, 2), n_unreachable=0))
    """
    if graph.n_nodes > _MOST_NODES:
        raise InvalidValueError(
            f"matrix products are exact up to {_MOST_NODES:,} nodes, the graph has {graph.n_nodes:,}; use device=None"
        )
    adjacency = _Adjacency(graph, _find_device(device))
    n_nodes, n_rows = graph.n_nodes, adjacency.n_rows
    counts = np.empty(n_nodes, dtype=np.int64)
    histogram: list[int] = []
    for first in range(0, n_nodes, n_rows):
        rows = adjacency.rows(first)
        counts[first : first + n_rows], at_distance = _sweep(adjacency, rows, first)
        histogram += [0] * (len(at_distance) - len(histogram))
        for position, n_pairs in enumerate(at_distance):
            histogram[position] += n_pairs
    histogram = [n_pairs // 2 for n_pairs in histogram]
    return counts // 2, PathLengths(tuple(histogram), math.comb(n_nodes, 2) - sum(histogram))


def _find_device(name: str) -> torch.device:
    """Return a device of torch that can be used."""
    import torch

    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda"):
        raise InvalidValueError(f"device must be None, 'cpu', 'cuda' or 'cuda:1', 'cuda:2' and so on, got {name!r}")
    n_devices = torch.cuda.device_count()
    if device.type == "cuda" and (device.index or 0) >= n_devices:
        raise InvalidValueError(
            f"device {name!r} was asked for, but torch {torch.__version__} finds {n_devices} CUDA devices; "
            "use device=None, which needs none"
        )
    return device


class _Adjacency:
    """The adjacency matrix of a graph in tiles of rows, made when they are asked for.

    Tiles are of half precision on CUDA, where that is fast, and of float32 on CPUs, where half precision is slow.
    """

    def __init__(self, graph: UndirectedGraph, device: torch.device) -> None:
        import torch

        self.n_nodes = graph.n_nodes
        self.n_rows = max(1, min(_TILE, _MOST_TILE_ENTRIES // graph.n_nodes))
        self.indptr = graph.indptr
        self.indices = torch.tensor(graph.indices, device=device, dtype=torch.int64)
        self.degrees = torch.tensor(graph.degrees(), device=device)
        self.example = torch.empty(0, device=device, dtype=torch.float16 if device.type == "cuda" else torch.float32)
        self.kept: dict[int, Tensor] = {}

    def rows(self, first: int) -> Tensor:
        """Return the tile of rows from `first` on, 0 or 1, of shape `[<= n_rows, n_nodes]`."""
        if first not in self.kept:
            last = min(first + self.n_rows, self.n_nodes)
            tile = self.example.new_zeros((last - first, self.n_nodes))
            columns = self.indices[int(self.indptr[first]) : int(self.indptr[last])]
            starts = self.degrees.new_tensor(range(0, tile.numel(), self.n_nodes))
            tile.view(-1)[starts.repeat_interleave(self.degrees[first:last]) + columns] = 1
            if self.n_nodes**2 > _MOST_KEPT_ENTRIES:
                return tile
            self.kept[first] = tile
        return self.kept[first]


def _sweep(adjacency: _Adjacency, rows: Tensor, first: int) -> tuple[NDArray[np.int64], list[int]]:
    """Return twice the triangles of the nodes of a tile, and the number of nodes at each distance from them."""
    n_nodes, n_rows = adjacency.n_nodes, adjacency.n_rows
    reached = rows > 0
    reached[:, first : first + n_rows].fill_diagonal_(True)
    triangles = adjacency.degrees.new_zeros(len(rows))
    n_found, at_distance = int(rows.count_nonzero()), []
    frontier = rows
    while n_found:
        at_distance.append(n_found)
        if at_distance[1:] and sum(at_distance) == len(rows) * (n_nodes - 1):
            break
        found = rows.new_empty(rows.shape)
        for start in range(0, n_nodes, n_rows):
            columns = slice(start, start + n_rows)
            n_paths = _product(frontier, adjacency.rows(start))
            if not at_distance[1:]:
                triangles += (n_paths * rows[:, columns]).sum(1, dtype=adjacency.degrees.dtype)
            found[:, columns] = (n_paths > 0) & ~reached[:, columns]
        reached |= found > 0
        n_found, frontier = int(found.count_nonzero()), found
    return triangles.cpu().numpy(), at_distance


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Return `left @ right.T` in float32, from sums over at most 2,048 columns."""
    total = (left[:, :_TILE] @ right[:, :_TILE].T).float()
    for start in range(_TILE, left.shape[1], _TILE):
        total += left[:, start : start + _TILE] @ right[:, start : start + _TILE].T
    return total
