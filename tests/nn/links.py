"""Layers of links with the dense masked convolution, in float64, that they are measured against."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from hypothesis import strategies as st
from torch import Tensor

from swann.nn.kernels import LinkShape, from_blocks, sparse_layer, to_blocks, wiring

BATCHES = (0, 1, 2, 3, 7, 8, 10, 16, 32, 40)
_CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}


def shape_of(source, target, kernel, stride=1, before=0, dilation=1):
    """Return the shape of a link of one dimension, or of more from tuples."""
    parts = (source, target, kernel, stride, before, dilation)
    return LinkShape(*(part if isinstance(part, tuple) else (part,) for part in parts))


@dataclass(frozen=True)
class Case:
    """The links into one layer."""

    shapes: tuple[LinkShape, ...]
    masks: tuple[Tensor, ...]
    n_targets: int
    batch: int

    @property
    def target(self):
        return self.shapes[0].target

    def flat(self):
        return [number for shape in self.shapes for number in shape.flat()]

    def size(self, blocks):
        return [blocks.shape[0], self.n_targets, *self.target, blocks.shape[-1]]

    def operands(self, dtype=torch.float64, seed=0):
        """Return maps, weights and bias with normal numbers."""
        generator = torch.Generator().manual_seed(seed)
        sources, weights = [], []
        for shape, mask in zip(self.shapes, self.masks, strict=True):
            size = (self.batch, mask.shape[1], *shape.source)
            sources.append(torch.randn(size, generator=generator, dtype=torch.float64).to(dtype))
            size = (int(mask.sum()), *shape.kernel)
            weights.append(torch.randn(size, generator=generator, dtype=torch.float64).to(dtype))
        bias = torch.randn(self.n_targets, generator=generator, dtype=torch.float64).to(dtype)
        return sources, weights, bias

    def wirings(self):
        return [wiring(mask) for mask in self.masks]

    def sparse(self, sources, weights, bias):
        """Return what the operator makes of maps of shape `[batch, sources, *size]`."""
        blocks = [to_blocks(source) for source in sources]
        result = sparse_layer(blocks, weights, self.wirings(), bias, self.flat(), self.size(blocks[0]))
        return from_blocks(result)

    def dense(self, sources, weights, bias):
        """Return the same from dense convolutions with zeros in place of missing edges."""
        total = 0
        for shape, mask, source, weight in zip(self.shapes, self.masks, sources, weights, strict=True):
            total = total + dense_link(shape, mask, source, weight)
        return total if bias is None else total + bias.view(-1, *(1,) * len(self.target))


def dense_link(shape, mask, source, weight):
    full = weight.new_zeros(mask.numel(), *shape.kernel)
    full = full.index_copy(0, mask.flatten().nonzero().squeeze(1), weight).view(*mask.shape, *shape.kernel)
    if not shape.kernel:
        return source @ full.T
    for axis in range(len(shape.source)):
        extent = (shape.target[axis] - 1) * shape.stride[axis] + shape.dilation[axis] * (shape.kernel[axis] - 1) + 1
        places = torch.arange(extent) - shape.before[axis]
        inside = (places >= 0) & (places < shape.source[axis])
        source = source.index_select(axis + 2, places.clamp(0, shape.source[axis] - 1))
        source = source * inside.to(source.dtype).view(-1, *(1,) * (len(shape.source) - 1 - axis))
    return _CONVOLUTIONS[len(shape.kernel)](source, full, None, shape.stride, 0, shape.dilation)


def random_mask(n_targets, n_sources, density, groups=1, seed=0):
    """Return a mask of random edges; with groups, edges within each group alone."""
    mask = torch.rand(n_targets, n_sources, generator=torch.Generator().manual_seed(seed)) < density
    target_group, source_group = torch.arange(n_targets) * groups // n_targets, torch.arange(n_sources) * groups
    return mask & (target_group[:, None] == source_group // n_sources)


@st.composite
def cases(draw, batch, max_dims=3, max_links=2):
    """Draw a layer: up to three dimensions, any stride, padding, crop and dilation, groups, any density."""
    n_dims = draw(st.integers(0, max_dims))
    most = (0, 9, 6, 4)[n_dims]
    target = tuple(draw(st.integers(1, (0, 6, 4, 2)[n_dims])) for _ in range(n_dims))
    n_targets, shapes, masks = draw(st.integers(1, 5)), [], []
    for _ in range(draw(st.integers(1, max_links))):
        numbers = [
            (
                draw(st.integers(1, most)),
                n,
                draw(st.integers(1, 4 if n_dims < 3 else 2)),
                draw(st.integers(1, 5)),
                draw(st.integers(-2, 3)),
                draw(st.integers(1, 3)),
            )
            for n in target
        ]
        shapes.append(LinkShape(*(tuple(axis[part] for axis in numbers) for part in range(6))))
        density, groups = draw(st.sampled_from([0.5, 1.0, 0.1, 0.0])), draw(st.sampled_from([1, 1, 2]))
        masks.append(random_mask(n_targets, draw(st.integers(1, 5)), density, groups, draw(st.integers(0, 99))))
    return Case(tuple(shapes), tuple(masks), n_targets, batch)


def relative_error(found, expected):
    """Return the largest error as a fraction of the largest value."""
    if not expected.numel():
        return 0.0
    return float((found.double() - expected).abs().max() / expected.abs().max().clamp(min=1e-30))


LAYERS = {
    "rows": shape_of((12, 9), (12, 9), (3, 3), (1, 1), (1, 1), (1, 1)),
    "rows at stride 2": shape_of((13, 9), (7, 5), (3, 2), (2, 2), (1, 1), (1, 1)),
    "a vector": shape_of((4, 4), (4, 4), (3, 3), (1, 1), (1, 1), (1, 1)),
    "pairs": shape_of((2, 2), (2, 2), (3, 3), (1, 1), (1, 1), (1, 1)),
    "pairs of a map of many places": shape_of((9, 9), (2, 2), (3, 3), (4, 4), (0, 0), (1, 1)),
    "pairs of a neuron": shape_of((3, 3), (1, 1), (3, 3), (1, 1), (0, 0), (1, 1)),
    "pairs of single weights": shape_of((), (), (), (), (), ()),
    "columns": shape_of((6, 6), (3, 3), (4, 4), (1, 1), (0, 0), (1, 1)),
}
"""A link for each layout of small batches."""
