import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from swann.smallworld._bits import WORDS, count_bits, gather
from swann.smallworld._compiled import compiled


@compiled
def count(word):
    return count_bits(word)


@compiled
def join(frontier, indices, wanted, seen, new, row):
    return gather(frontier, indices, np.int64(0), np.int64(indices.size), wanted, np.int64(0), seen, new, np.int64(row))


@given(st.integers(0, 2**64 - 1))
def test_the_bits_of_a_word_are_counted(word):
    assert count(np.uint64(word)) == word.bit_count()


@given(st.integers(0, 1000), st.integers(0, 70))
def test_a_row_is_joined_with_its_neighbours_rows(seed, n_neighbours):
    generator = np.random.default_rng(seed)
    frontier = generator.integers(0, 2**64, size=(9, WORDS), dtype=np.uint64)
    frontier &= generator.integers(0, 2**64, size=(9, WORDS), dtype=np.uint64)
    indices = generator.integers(0, 9, size=n_neighbours).astype(np.int32)
    seen = generator.integers(0, 2**64, size=(9, WORDS), dtype=np.uint64)
    new = np.zeros_like(seen)
    wanted = np.full((1, WORDS), 2**64 - 1, dtype=np.uint64)
    before = seen.copy()
    union = np.bitwise_or.reduce(frontier[indices], axis=0, initial=np.uint64(0))
    n_new = join(frontier, indices, wanted, seen, new, 4)
    assert new[4].tolist() == (union & ~before[4]).tolist()
    assert seen[4].tolist() == (union | before[4]).tolist()
    assert n_new == sum(int(word).bit_count() for word in new[4])
    others = np.arange(9) != 4
    assert (seen[others] == before[others]).all()
    assert not new[others].any()
