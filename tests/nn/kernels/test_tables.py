from swann.nn.kernels import LinkShape
from swann.nn.kernels._geometry import blocked_tiles
from swann.nn.kernels._tables import Plan, bands, compiled, tasks_of


def test_bands_are_whole_steps_that_stay_in_the_cache():
    """A quarter of a megabyte has 8 rows of 32 kB; rows are taken in twos."""
    assert bands(2, 20, 2**15) == [range(8), range(8, 16), range(16, 20)]
    assert bands(2, 8, 2**15) == [None]
    assert bands(2, 5, 2**20) == [range(2), range(2, 4), range(4, 5)]
    assert bands(2, 5, 0) == [None]


def test_tasks_are_ranges_of_nodes_for_each_band_and_step():
    """Four tasks for each thread: two bands, one step, five nodes, so that a task has two or three of them."""
    assert tasks_of([(0, 2), (2, 4)], 5, 1) == [
        *((0, 2, 0, 0, 3), (0, 2, 0, 3, 5)),
        *((2, 4, 0, 0, 3), (2, 4, 0, 3, 5)),
    ]
    assert tasks_of([(0, 2)], 3, 1, 2) == [(0, 2, step, *nodes) for step in (0, 1) for nodes in ((0, 2), (2, 3))]
    assert tasks_of([(0, 1)], 3, 8) == [(0, 1, 0, 0, 1), (0, 1, 0, 1, 2), (0, 1, 0, 2, 3)]


def test_a_plan_has_all_links_for_each_band():
    rows = [[range(8), range(8, 16)], [range(16, 24), range(24, 32)]]
    plan = Plan.of(rows, 5, 1)
    assert plan.numbers.tolist() == [0, 1, 0, 1]
    assert plan.links[:, 6:].tolist() == [list(row) for band in rows for row in band]
    assert [tuple(task) for task in plan.tasks] == tasks_of([(0, 2), (2, 4)], 5, 1)


def test_programs_know_their_tiles_and_what_they_read():
    shape = LinkShape((4,), (4,), (3,), (1,), (1,), (1,))
    tiles = blocked_tiles(shape, "forward", 16, 16)
    programs = compiled(tiles, "float32", "forward", 3)
    assert programs.rows[:, 1].sum() == sum(map(len, tiles.values()))
    assert programs.most_bytes == max(len({offset for _, _, offset in each.products}) for each in tiles) * 64
    for row, places, found in zip(programs.rows, programs.places, tiles.values(), strict=True):
        assert row[2] == places.ctypes.data
        assert places.tolist() == [[4 * first, 4 * second] for first, second in found]
