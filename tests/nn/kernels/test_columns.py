import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from links import shape_of

from swann.nn.kernels import LinkShape
from swann.nn.kernels._columns import places_in_columns


def test_by_hand():
    assert places_in_columns(shape_of(4, 2, 3, stride=2, before=1)).tolist() == [[-1, 1], [0, 2], [1, 3]]
    assert places_in_columns(shape_of(4, 2, 1, stride=2, before=-1)).tolist() == [[1, 3]]
    assert places_in_columns(shape_of(1, 1, 1, stride=5, before=2)).tolist() == [[-1]]


@given(st.integers(2, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(1, 2))
def test_they_are_what_torch_unfolds(side, kernel, stride, padding, dilation):
    target = (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
    if target < 1:
        return
    shape = LinkShape(*((number,) * 2 for number in (side, target, kernel, stride, padding, dilation)))
    numbers = torch.arange(1, side**2 + 1, dtype=torch.float32).view(1, 1, side, side)  # padding is 0
    unfolded = F.unfold(numbers, kernel, dilation, padding, stride)[0]
    assert (places_in_columns(shape) + 1).tolist() == unfolded.tolist()
