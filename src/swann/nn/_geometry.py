from dataclasses import dataclass

from ..trace import Chain
from .kernels import LinkShape

Pair = tuple[int, int]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Geometry:
    """How an edge's kernel meets the map at its end.

    Args:
        stride: of the convolution, one number a dimension.
        padding: rows of zeros before and after each dimension; negative numbers crop.
        dilation: of the convolution.
        padding_mode: `"zeros"`, or as in `torch.nn.Conv2d` for a convolution's own inputs.
    """

    stride: Shape
    padding: tuple[Pair, ...]
    dilation: Shape
    padding_mode: str = "zeros"


def strided(source_size: Shape, target_size: Shape, kernel: Shape, dilation: Shape) -> Geometry:
    """Return the strided convolution that takes a map of one size to another one exactly.

    The stride is the ratio of the two sizes, rounded; so it grows with the distance between layers (SWANN paper,
    III-C2). The map is padded with zeros, or cropped, evenly on both sides to the extent that the kernel then needs.

    Args:
        source_size: spatial size of the map.
        target_size: spatial size to reach.
        kernel: kernel size.
        dilation: dilation of the kernel.

    >>> strided((55, 27), (13, 13), (3, 3), (1, 1))
    Geometry(stride=(4, 2), padding=((-2, -2), (0, 0)), dilation=(1, 1), padding_mode='zeros')
    """
    strides, paddings = [], []
    for source, target, width, spread in zip(source_size, target_size, kernel, dilation, strict=True):
        stride = max(1, round(source / target))
        missing = (target - 1) * stride + spread * (width - 1) + 1 - source
        before = missing // 2 if missing >= 0 else -(-missing // 2)
        strides.append(stride)
        paddings.append((before, missing - before))
    return Geometry(tuple(strides), tuple(paddings), dilation)


def link_geometry(chain: Chain, source: int, target: int) -> Geometry | None:
    """Return how the edges from one layer of a chain meet another one; None where that is a linear layer.

    A layer's own inputs keep its convolution's geometry. An edge that left layer `source` keeps the kernel and the
    dilation of the convolution that reads that layer.
    """
    layer = chain.layers[target - 1]
    if layer.kind == "linear":
        return None
    if target == source + 1:
        return Geometry(layer.stride, layer.padding, layer.dilation, layer.padding_mode)
    reader = chain.layers[source]
    return strided(chain.map_shape(source)[1:], layer.size, reader.kernel, reader.dilation)


def link_shape(chain: Chain, source: int, target: int) -> LinkShape:
    """Return the sizes of the maps at both ends of a link, as its kernel meets them.

    Into a linear layer, maps are pooled to the kernel's size first. A padding other than zeros is part of the source.
    """
    geometry, layer = link_geometry(chain, source, target), chain.layers[target - 1]
    if geometry is None:
        kernel = chain.layers[source].kernel
        ones = (1,) * len(kernel)
        return LinkShape(kernel, ones, kernel, ones, (0,) * len(kernel), ones)
    size, before = chain.map_shape(source)[1:], tuple(pair[0] for pair in geometry.padding)
    if geometry.padding_mode != "zeros":
        size = tuple(length + sum(pair) for length, pair in zip(size, geometry.padding, strict=True))
        before = (0,) * len(size)
    kernel = chain.layers[source].kernel
    return LinkShape(size, layer.size, kernel, geometry.stride, before, geometry.dilation)
