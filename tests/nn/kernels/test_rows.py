import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from links import dense_link, random_mask

from swann.nn.kernels import LinkShape, extents, fits_rows, layer_from_rows, to_blocks, to_rows, wiring
from swann.nn.kernels._rows import tap_offsets


@st.composite
def layers(draw):
    """Draw links of a few sources into one layer, each with its own kernel, stride, dilation and padding."""
    n_axes = draw(st.integers(1, 3))
    target = tuple(draw(st.integers(1, 7)) for _ in range(n_axes))
    links = []
    for _ in range(draw(st.integers(1, 3))):
        parts = []
        for size in target:
            kernel, stride, dilation = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(1, 2))
            before = draw(st.integers(-2, 3))
            missing = (size - 1) * stride + dilation * (kernel - 1) + 1 - before
            parts.append((max(1, missing - draw(st.integers(-2, 3))), size, kernel, stride, before, dilation))
        links.append(LinkShape(*zip(*parts, strict=True)))
    return links, draw(st.integers(1, 3)), draw(st.integers(0, 2**16))


@given(layers())
@settings(max_examples=40, deadline=None)
def test_rows_compute_what_dense_convolutions_do(case):
    links, batch, seed = case
    generator = torch.Generator().manual_seed(seed)
    target = links[0].target
    shapes = [number for link in links for number in link.flat()]
    expected = torch.randn(5, generator=generator, dtype=torch.float64)
    bias = expected.clone()
    expected = expected.view(-1, *(1,) * len(target)).expand(batch, 5, *target).clone()
    sources, weights, wirings = [], [], []
    for link in links:
        mask = random_mask(5, 3, 0.6, seed=seed)
        weight = torch.randn(int(mask.sum()), *link.kernel, generator=generator, dtype=torch.float64)
        source = torch.randn(batch, 3, *link.source, generator=generator, dtype=torch.float64)
        expected += dense_link(link, mask, source, weight)
        sources.append(to_rows(to_blocks(source), link, extents(tuple(shapes))))
        weights.append(weight)
        wirings.append(wiring(mask))
    found = layer_from_rows(sources, weights, wirings, bias, shapes, [1, 5, *target, batch])
    torch.testing.assert_close(found[0].movedim(-1, 0), expected)


def test_a_strided_kernel_meets_phases_side_by_side():
    """Of 6×6 places, at stride 2 and with a row of zeros before, one tap in each direction meets the second phase."""
    shape = LinkShape((6, 6), (3, 3), (3, 3), (2, 2), (1, 1), (1, 1))
    size = extents(tuple(shape.flat()))
    assert size == (3, 4)
    rows = 4 * 4  # one more than the layer's map has, for the third tap
    assert tap_offsets(shape, size) == (0, rows, 1, 2 * rows, 3 * rows, 2 * rows + 1, 4, rows + 4, 5)
    source = torch.arange(36.0).view(1, 1, 6, 6)
    phases = to_rows(to_blocks(source), shape, size).view(4, 4, 4)
    assert phases[0, :, :3].tolist() == [[0, 0, 0], [0, 7, 9], [0, 19, 21], [0, 31, 33]]
    assert phases[3, :3, :3].tolist() == [[0, 2, 4], [12, 14, 16], [24, 26, 28]]


@pytest.mark.parametrize(("size", "fits"), [((4, 4), False), ((8, 8), True), ((), False), ((40,), True)])
def test_small_maps_have_too_much_room_between_rows(size, fits):
    ones = (1,) * len(size)
    assert fits_rows(LinkShape(size, size, ones, ones, (0,) * len(size), ones).flat()) is fits
