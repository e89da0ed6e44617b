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


def test_selected_shapes_keep_their_order():
    shapes = [LinkShape((size,), (size,), (1,), (1,), (0,), (1,)) for size in (3, 4, 5)]
    numbers = tuple(number for shape in shapes for number in shape.flat())
    assert unflatten(selected(numbers, (True, False, True))) == (shapes[0], shapes[2])
    assert selected(numbers, (True,) * 3) == numbers
