import itertools

from hypothesis import given
from hypothesis import strategies as st

from swann.nn.kernels._arena import ALIGNMENT, Buffers, Held, arena

LIFE = st.tuples(st.integers(0, 9), st.integers(1, 5)).map(lambda pair: range(pair[0], pair[0] + pair[1]))


@given(st.lists(st.tuples(st.integers(1, 1000), LIFE), max_size=12))
def test_buffers_in_use_at_once_do_not_overlap(buffers):
    sizes, lives = [size for size, _ in buffers], [life for _, life in buffers]
    starts, length = arena(sizes, lives)
    assert all(start % ALIGNMENT == 0 and start + size <= length for start, size in zip(starts, sizes, strict=True))
    for step in range(15):
        used = sorted(
            (start, start + size) for start, size, life in zip(starts, sizes, lives, strict=True) if step in life
        )
        assert all(end <= begin for (_, end), (begin, _) in itertools.pairwise(used))


def test_a_chain_of_maps_takes_the_memory_of_two():
    starts, length = arena([640] * 5, [range(step, step + 2) for step in range(5)])
    assert sorted(set(starts)) == [0, 640]
    assert length == 1280


def test_buffers_live_from_their_first_use_to_their_last():
    buffers = Buffers()
    first, second, third = (buffers.add(64) for _ in range(3))
    assert [first, second, third] == [Held(0), Held(1), Held(2)]
    for held, number in ((first, 0), (second, 0), (Held(1, 32), 2), (third, 3)):
        buffers.use(held, number)
    assert buffers.lifetimes == [range(0, 1), range(0, 3), range(3, 4)]
    starts, n_bytes = buffers.placed()
    assert starts[2] == 0
    assert starts[0] != starts[1]
    assert n_bytes == 128
