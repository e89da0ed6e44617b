import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann.nn.kernels import LinkShape, unflatten
from swann.nn.kernels._geometry import selected


def shapes(n_axes):
    return st.builds(LinkShape, *(st.tuples(*(st.integers(-3, 30),) * n_axes) for _ in range(6)))


@given(st.lists(st.integers(0, 3).flatmap(shapes), max_size=4))
def test_shapes_come_back_from_a_row_of_numbers(links):
    assert unflatten(tuple(number for shape in links for number in shape.flat())) == tuple(links)


def test_the_row_of_numbers_by_hand():
    shape = LinkShape((9, 8), (5, 4), (3, 2), (2, 1), (-1, 0), (1, 3))
    assert shape.flat() == [2, 9, 8, 5, 4, 3, 2, 2, 1, -1, 0, 1, 3]
    assert shape.n_taps == 6
    neurons = LinkShape((), (), (), (), (), ())
    assert neurons.flat() == [0]
    assert neurons.n_taps == 1


@pytest.mark.parametrize(
    ("source", "kernel", "before", "dilation", "expected"),
    [(3, 3, 0, 1, True), (1, 1, 0, 2, True), (4, 3, 0, 1, False), (3, 3, 1, 1, False), (3, 2, 0, 2, False)],
)
def test_a_kernel_as_large_as_its_source_meets_all_of_it(source, kernel, before, dilation, expected):
    shape = LinkShape((source, source), (1, 1), (kernel,) * 2, (1, 1), (before,) * 2, (dilation,) * 2)
    assert shape.meets_all_at_once is expected


def test_selected_shapes_keep_their_order():
    shapes = [LinkShape((size,), (size,), (1,), (1,), (0,), (1,)) for size in (3, 4, 5)]
    numbers = tuple(number for shape in shapes for number in shape.flat())
    assert unflatten(selected(numbers, (True, False, True))) == (shapes[0], shapes[2])
    assert selected(numbers, (True,) * 3) == numbers
