import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .._errors import InvalidValueError
from ._geometry import Geometry, Shape
from ._hooks import Heard
from ._transforms import is_transformed
from .kernels import apply_by_channel, from_blocks, places, to_blocks, wiring

_CONVOLUTIONS: dict[int, Callable[..., Tensor]] = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_AVERAGE_POOLS: dict[int, Callable[..., Tensor]] = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}


class Link(Heard):
    """The edges from one layer to a later one.

    Only the weights of edges that exist are parameters, `weight` of shape `[edges, *kernel]` in the order of the mask's
    rows; the dense weight is made of them when it is needed, with zeros elsewhere.

    Args:
        mask: which edges exist, boolean of shape `[targets, sources]`.
        kernel: the weight shape of one edge.
        geometry: how the kernel meets the map; None where the link ends at a linear layer.
    """

    mask: Tensor
    index: Tensor | None
    wiring: Tensor | None

    def __init__(self, mask: Tensor, kernel: Shape, geometry: Geometry | None) -> None:
        super().__init__()
        self.kernel = kernel
        self.geometry = geometry
        self.weight = nn.Parameter(torch.empty(int(mask.sum()), *kernel))
        self.register_buffer("mask", mask.clone())
        self.register_buffer("index", None, persistent=False)
        self.register_buffer("wiring", None, persistent=False)
        self.changes = 0
        self._count_edges()
        self.register_load_state_dict_post_hook(_after_loading)  # type: ignore[no-untyped-call]

    def _count_edges(self) -> None:
        """Take a new mask into account."""
        n_edges = int(self.mask.sum())
        if n_edges != len(self.weight):
            raise InvalidValueError(f"the mask has {n_edges} edges, the weight {len(self.weight)}")
        self.changes += 1
        if self.index is not None:
            self.make_index()
        if self.wiring is not None:
            self.make_wiring()

    def _load_from_state_dict(self, state_dict: dict[str, Tensor], prefix: str, *others: Any) -> None:
        """Refuse the state of a network of another plan before any of it is taken."""
        mask, errors = state_dict.get(f"{prefix}mask"), others[-1]
        if mask is not None and mask.shape == self.mask.shape and not mask.is_meta:
            n_edges = int(mask.sum())
            if n_edges != len(self.weight):
                errors.append(
                    f"{prefix}mask has {n_edges} edges, the network's link {len(self.weight)}: the state is of another "
                    "plan; read its network with swann.load, or build one of its plan"
                )
                return
        super()._load_from_state_dict(state_dict, prefix, *others)

    @property
    def is_full(self) -> bool:
        """Whether every edge exists."""
        return len(self.weight) == self.mask.numel()

    def make_index(self) -> None:
        """Set the place of each edge in the dense weight; it is not needed where every edge exists."""
        with torch.inference_mode(False):  # it serves later passes with gradients too
            self.index = None if self.is_full else self.mask.flatten().nonzero().squeeze(1)

    def make_wiring(self) -> None:
        """Set the edges in the form that the sparse backend reads, on the CPU."""
        self.wiring = wiring(self.mask)

    def dense_weight(self) -> Tensor:
        """Return the weight of shape `[targets, sources, *kernel]`, zero where there is no edge."""
        shape = (*self.mask.shape, *self.kernel)
        if self.is_full:
            return self.weight.view(shape)
        if self.index is None and not (self.mask.is_meta or torch.compiler.is_compiling() or is_transformed(self.mask)):
            self.make_index()
        index = self.index
        if index is None and self.wiring is not None:
            index = places(self.wiring, *self.mask.shape)
        if index is None:
            ones = (1,) * len(self.kernel)
            return self.weight.new_zeros(shape).masked_scatter(self.mask.view(*self.mask.shape, *ones), self.weight)
        zeros = self.weight.new_zeros((self.mask.numel(), *self.kernel))
        return zeros.index_copy(0, index, self.weight).view(shape)

    def forward(self, source: Tensor, dropout: Callable[[Tensor], Tensor], bias: Tensor | None = None) -> Tensor:
        """Return what the link adds to its end, before the operations after the layer.

        Args:
            source: the map that it starts from, of shape `[batch, sources, *size]`.
            dropout: applied to what flows in.
            bias: of shape `[targets]`.
        """
        weight, source = self.dense_weight(), dropout(self.pool(source))
        if self.geometry is None:
            return F.linear(source.flatten(1), weight.flatten(1), bias)
        return convolve(source, weight, bias, self.geometry)

    def pool(self, source: Tensor) -> Tensor:
        """Return a source map, pooled to the kernel's size where the link ends at a linear layer."""
        return source if self.geometry is not None else pool_to(source, self.kernel)

    def pools(self, source: Tensor) -> bool:
        """Return whether blocks of a source map are pooled: to the kernel's size, where the link ends at neurons."""
        return self.geometry is None and source.shape[2:-1] != self.kernel

    def pool_blocks(self, source: Tensor) -> Tensor:
        """Return the blocks of a source map, pooled to the kernel's size where the link ends at a linear layer."""
        if not self.pools(source):
            return source
        return apply_by_channel(lambda maps: pool_to(maps, self.kernel), source)

    @property
    def pools_otherwise(self) -> bool:
        """Whether the link is of a class that makes something else of a source map before its weights meet it."""
        return type(self).pool_blocks is not Link.pool_blocks

    @property
    def pads_otherwise(self) -> bool:
        """Whether the link's padding is of other numbers than zeros, which the kernels leave out."""
        return self.geometry is not None and self.geometry.padding_mode != "zeros"

    def pad(self, source: Tensor) -> Tensor:
        """Return a source map, padded where the link's padding is not of zeros."""
        return pad(source, self.geometry) if self.geometry is not None and self.pads_otherwise else source

    def pad_blocks(self, source: Tensor) -> Tensor:
        """Return the blocks of a source map, padded where the link's padding is not of zeros."""
        return to_blocks(self.pad(from_blocks(source))) if self.pads_otherwise else source

    def extra_repr(self) -> str:
        """Return the link's size for printing."""
        targets, sources = self.mask.shape
        return f"{sources} → {targets}, {self.weight.shape[0]:,} edges of {'×'.join(map(str, self.kernel)) or '1'}"


def _after_loading(link: Link, _: object) -> None:
    link._count_edges()


def pool_to(source: Tensor, size: Shape) -> Tensor:
    """Return a map averaged to a size (adaptive average pooling), or as it is where it has that size."""
    if source.shape[2:] == size:
        return source
    return _AVERAGE_POOLS[len(size)](source, size)


def convolve(source: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry) -> Tensor:
    """Return a convolution of a map whose kernels meet it as a geometry says; the weight is dense."""
    padding: Shape | int = tuple(before for before, _ in geometry.padding)
    if geometry.padding_mode != "zeros" or any(before != after or before < 0 for before, after in geometry.padding):
        source = pad(source, geometry)
        padding = 0
    operation = _CONVOLUTIONS[weight.ndim - 2]
    return operation(source, weight, bias, geometry.stride, padding, geometry.dilation)


def pad(source: Tensor, geometry: Geometry) -> Tensor:
    """Return a map padded, or cropped, as a geometry says."""
    mode = "constant" if geometry.padding_mode == "zeros" else geometry.padding_mode
    if any(math.prod(pair) or sum(pair) for pair in geometry.padding):
        source = F.pad(source, [amount for pair in reversed(geometry.padding) for amount in pair], mode=mode)
    return source
