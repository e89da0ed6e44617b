from swann.nn.kernels import LinkShape
from swann.nn.kernels._geometry import blocked_tiles
from swann.nn.kernels._tables import bands, compiled


def test_bands_are_whole_steps_that_stay_in_the_cache():
    """A quarter of a megabyte has 8 rows of 32 kB; rows are taken in twos."""
    assert bands(2, 20, 2**15) == [range(8), range(8, 16), range(16, 20)]
    assert bands(2, 8, 2**15) == [None]
    assert bands(2, 5, 2**20) == [range(2), range(2, 4), range(4, 5)]
    assert bands(2, 5, 0) == [None]


def test_programs_know_their_tiles_and_what_they_read():
    shape = LinkShape((4,), (4,), (3,), (1,), (1,), (1,))
    tiles = blocked_tiles(shape, "forward", 16, 16)
    programs = compiled(tiles, "float32", "forward", 3)
    assert programs.rows[:, 1].sum() == sum(map(len, tiles.values()))
    assert programs.most_bytes == max(len({offset for _, _, offset in each.products}) for each in tiles) * 64
    for row, places, found in zip(programs.rows, programs.places, tiles.values(), strict=True):
        assert row[2] == places.ctypes.data
        assert places.tolist() == [[4 * first, 4 * second] for first, second in found]
