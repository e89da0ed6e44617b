import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from swann.nn import strided
from swann.nn._link import convolve


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 11), st.integers(1, 3))
def test_every_size_is_reached_exactly(source, target, kernel, dilation):
    geometry = strided((source,), (target,), (kernel,), (dilation,))
    output = convolve(torch.ones(1, 1, source), torch.ones(1, 1, kernel), None, geometry)
    assert output.shape == (1, 1, target)


@pytest.mark.parametrize(
    ("source", "target", "kernel", "stride", "padding"),
    [
        (55, 27, 3, 2, (0, 0)),
        (27, 13, 3, 2, (0, 0)),
        (55, 13, 3, 4, (-2, -2)),
        (224, 27, 11, 8, (-2, -3)),
        (28, 14, 5, 2, (1, 2)),
        (16, 16, 3, 1, (1, 1)),
        (4, 7, 3, 1, (2, 3)),
    ],
)
def test_the_stride_is_the_ratio_of_the_sizes(source, target, kernel, stride, padding):
    geometry = strided((source,), (target,), (kernel,), (1,))
    assert geometry.stride == (stride,)
    assert geometry.padding == (padding,)


def test_padding_is_even_on_both_sides_and_of_zeros():
    source = torch.randn(1, 1, 28, generator=torch.Generator().manual_seed(0))
    weight = torch.randn(1, 1, 5, generator=torch.Generator().manual_seed(1))
    geometry = strided((28,), (14,), (5,), (1,))
    expected = F.conv1d(F.pad(source, (1, 2)), weight, stride=2)
    assert torch.equal(convolve(source, weight, None, geometry), expected)
