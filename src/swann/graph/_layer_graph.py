import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .._errors import InvalidValueError


@dataclass(frozen=True, eq=False, repr=False)
class LayerGraph:
    """A network as a graph: nodes in layers, and edges that all run forward.

    A node is a channel of a convolution or a neuron of a linear layer; the nodes of layer 0 are the input's channels
    or features. An edge is one trainable connection: a k×k kernel between channels, a weight between neurons.
    Nodes are numbered layer by layer from 0.

    Args:
        sizes: the number of nodes of each layer, the input first.
        rows: for each layer `l` but the last a boolean array of shape `[sizes[l], sum(sizes[l + 1:])]`, true where
            an edge joins a node of layer `l` (row) and a node of a later layer (column, in the order of the layers).

    Raises:
        InvalidValueError: a size below 1, fewer than two layers, or an array of another shape or type.
    """

    sizes: tuple[int, ...]
    rows: tuple[NDArray[np.bool_], ...]

    def __post_init__(self) -> None:
        check_sizes(self.sizes)
        if len(self.rows) != len(self.sizes) - 1:
            raise InvalidValueError(
                f"a graph of {len(self.sizes)} layers needs {len(self.sizes) - 1} arrays of edges, got {len(self.rows)}"
            )
        for layer, row in enumerate(self.rows):
            expected = (self.sizes[layer], sum(self.sizes[layer + 1 :]))
            if row.shape != expected or row.dtype != np.bool_:
                raise InvalidValueError(
                    f"the edges leaving layer {layer} must be a boolean array of shape {expected}, "
                    f"got {row.dtype} of shape {row.shape}"
                )
            row.flags.writeable = False

    @classmethod
    def chain(cls, sizes: Sequence[int], groups: Sequence[int] | None = None) -> "LayerGraph":
        """Return the graph of a conventional network: every layer joined to the next one alone.

        Args:
            sizes: the number of nodes of each layer, the input first.
            groups: for each pair of neighbouring layers the number of groups that edges stay inside of
                (grouped convolutions); all 1 by default.

        Raises:
            InvalidValueError: a size below 1, or a number of groups that does not divide both layers' sizes.

        >>> LayerGraph.chain([1, 6, 16, 10])
        LayerGraph(1-6-16-10: 33 nodes, 262 edges)
        """
        sizes = tuple(sizes)
        check_sizes(sizes)
        groups = (1,) * (len(sizes) - 1) if groups is None else tuple(groups)
        if len(groups) != len(sizes) - 1:
            raise InvalidValueError(f"{len(sizes)} layers need {len(sizes) - 1} numbers of groups, got {len(groups)}")
        rows = []
        for layer, count in enumerate(groups):
            n_sources, n_targets = sizes[layer], sizes[layer + 1]
            if count < 1 or n_sources % count or n_targets % count:
                raise InvalidValueError(
                    f"{count} groups between layers {layer} and {layer + 1} "
                    f"do not divide {n_sources} and {n_targets} nodes"
                )
            row = np.zeros((n_sources, sum(sizes[layer + 1 :])), dtype=np.bool_)
            source_group = np.arange(n_sources) // (n_sources // count)
            target_group = np.arange(n_targets) // (n_targets // count)
            row[:, :n_targets] = source_group[:, None] == target_group[None, :]
            rows.append(row)
        return cls(sizes, tuple(rows))

    @property
    def n_layers(self) -> int:
        """The number of layers, the input's among them."""
        return len(self.sizes)

    @property
    def n_nodes(self) -> int:
        """The number of nodes."""
        return sum(self.sizes)

    @cached_property
    def n_edges(self) -> int:
        """The number of edges."""
        return sum(int(np.count_nonzero(row)) for row in self.rows)

    @property
    def offsets(self) -> tuple[int, ...]:
        """The number of the first node of each layer, and last the number of nodes."""
        return tuple(itertools.accumulate(self.sizes, initial=0))

    def block(self, source: int, target: int) -> NDArray[np.bool_]:
        """Return a view of the edges between two layers, of shape `[sizes[source], sizes[target]]`.

        Raises:
            InvalidValueError: the layers are not `0 <= source < target < n_layers`.
        """
        if not 0 <= source < target < self.n_layers:
            raise InvalidValueError(
                f"a block joins a layer and a later one of the {self.n_layers} layers, got {source} and {target}"
            )
        start = self.offsets[target] - self.offsets[source + 1]
        return self.rows[source][:, start : start + self.sizes[target]]

    def blocks(self) -> Iterator[tuple[int, int, NDArray[np.bool_]]]:
        """Iterate over `(source layer, target layer, block)` of the pairs of layers that share an edge."""
        for source, target in itertools.combinations(range(self.n_layers), 2):
            block = self.block(source, target)
            if block.any():
                yield source, target, block

    def edges(self) -> NDArray[np.int32]:
        """Return the edges as node numbers, of shape `[n_edges, 2]`, sorted by source, then by target."""
        parts = []
        for layer, row in enumerate(self.rows):
            sources, targets = np.nonzero(row)
            parts.append(np.column_stack((sources + self.offsets[layer], targets + self.offsets[layer + 1])))
        return np.concatenate(parts).astype(np.int32)

    def in_degrees(self) -> NDArray[np.int64]:
        """Return the number of edges that end at each node, of shape `[n_nodes]`."""
        degrees = np.zeros(self.n_nodes, dtype=np.int64)
        for layer, row in enumerate(self.rows):
            degrees[self.offsets[layer + 1] :] += np.count_nonzero(row, axis=0)
        return degrees

    def out_degrees(self) -> NDArray[np.int64]:
        """Return the number of edges that start at each node, of shape `[n_nodes]`."""
        per_layer = [np.count_nonzero(row, axis=1) for row in self.rows]
        return np.concatenate([*per_layer, np.zeros(self.sizes[-1], dtype=np.int64)])

    def densities(self) -> NDArray[np.float64]:
        """Return the share of existing edges among the possible ones of each pair of layers, `[n_layers, n_layers]`."""
        result = np.zeros((self.n_layers, self.n_layers))
        for source, target, block in self.blocks():
            result[source, target] = block.mean()
        return result

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LayerGraph):
            return NotImplemented
        return self.sizes == other.sizes and all(map(np.array_equal, self.rows, other.rows))

    def __hash__(self) -> int:
        return hash((self.sizes, *(row.tobytes() for row in self.rows)))

    def __repr__(self) -> str:
        return f"LayerGraph({'-'.join(map(str, self.sizes))}: {self.n_nodes:,} nodes, {self.n_edges:,} edges)"


def check_sizes(sizes: Sequence[int]) -> None:
    """Raise InvalidValueError unless `sizes` are at least two whole numbers of at least 1."""
    if len(sizes) < 2:
        raise InvalidValueError(f"a network needs at least an input and one layer, got sizes {tuple(sizes)}")
    for layer, size in enumerate(sizes):
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
            raise InvalidValueError(f"layer {layer} must have a whole number of nodes of at least 1, got {size!r}")
