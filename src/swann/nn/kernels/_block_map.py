import math
from dataclasses import dataclass, replace

from torch import Tensor

from ._code import ELEMENTS, Element
from ._compile import vector_bytes
from ._gather import ELEMENTS as OF_DTYPES
from ._schedule import Address
from ._script import Maps

Shape = tuple[int, ...]


@dataclass(frozen=True)
class BlockMap:
    """A map in memory, of shape `[blocks, nodes, *size, block]`.

    Args:
        place: where it stands.
        n_nodes: its channels.
        size: its spatial size.
        n_blocks: blocks of samples.
        block: samples of a block.
        element: type of its elements.
        is_halved: whether it is in halves, see `swann.nn.kernels.to_halves`, and each block two of them.
    """

    place: Address
    n_nodes: int
    size: Shape
    n_blocks: int
    block: int
    element: Element
    is_halved: bool = False

    @classmethod
    def of(cls, blocks: Tensor) -> "BlockMap":
        """Return a tensor of that shape as a map."""
        n_blocks, n_nodes, *size, block = blocks.shape
        return cls(blocks.data_ptr(), n_nodes, tuple(size), n_blocks, block, OF_DTYPES[blocks.dtype])

    @property
    def n_elements(self) -> int:
        """The elements of one node in one block."""
        return math.prod(self.size) * self.block

    @property
    def numel(self) -> int:
        """The elements of all nodes and blocks."""
        return self.n_blocks * self.n_nodes * self.n_elements

    @property
    def nbytes(self) -> int:
        """The bytes of the map."""
        return self.numel * ELEMENTS[self.element][2]

    def halved(self, place: Address) -> "BlockMap":
        """Return the map in halves, which stand elsewhere."""
        return replace(self, place=place, n_blocks=self.n_blocks // 2, is_halved=True)

    @property
    def samples(self) -> tuple[int, int]:
        """Blocks, and channels."""
        return self.n_blocks, self.n_nodes

    @property
    def lanes(self) -> int:
        """Numbers in one vector."""
        return vector_bytes() // ELEMENTS[self.element][2]

    @property
    def axes(self) -> tuple[int, int]:
        """The sizes along two axes, the first 1 if there is one alone."""
        return (1, self.size[0]) if len(self.size) == 1 else (self.size[0], self.size[1])

    def maps(self) -> Maps:
        """Return where each channel's map stands."""
        return self.beside(self.place, ELEMENTS[self.element][2])

    def beside(self, place: Address, size: int) -> Maps:
        """Return where something else stands that has as many elements, of some bytes each."""
        return Maps(place, self.n_elements * size, self.n_nodes * self.n_elements * size)
