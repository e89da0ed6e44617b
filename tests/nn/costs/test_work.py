from swann.nn.costs._work import DenseWork, SparseWork, dense_work, sparse_work
from swann.nn.kernels import LinkShape

CONVOLUTION = LinkShape((4, 4), (2, 2), (3, 3), (2, 2), (1, 1), (1, 1))


def test_the_work_of_a_strided_convolution_by_hand():
    """Of 36 pairs of a tap and a place, 25 meet the map: along each axis places meet 2 and 3 of 3 taps."""
    work = sparse_work(CONVOLUTION, n_edges=10, n_sources=3, n_targets=5, batch=32, lanes=16)
    assert work == SparseWork(links=1, tiles=20, products=20 * 25, reads=20 * 16, results=5 * 4 * 32, gathered=0)


def test_a_small_batch_without_gradients_works_on_what_its_maps_are_laid_out_as():
    """25 products of the first of two kernels in vectors of 16; all of a map of 64 places in 8 vectors of 8."""
    sizes = {"n_edges": 10, "n_sources": 3, "n_targets": 5, "batch": 1, "trains": False, "lanes": 16}
    assert sparse_work(CONVOLUTION, **sizes) == SparseWork(1, 10, 10 * 2, 10 * 2, results=5 * 4, gathered=3 * 2 * 16)
    rows = LinkShape((8, 8), (8, 8), (3, 3), (1, 1), (1, 1), (1, 1))
    expected = SparseWork(1, 10, 10 * 9 * 4, 10 * 3 * 4, results=5 * 64, gathered=3 * 3 * 10 * 8)
    assert sparse_work(rows, **sizes) == expected
    vector = LinkShape((4, 4), (4, 4), (3, 3), (1, 1), (1, 1), (1, 1))
    assert sparse_work(vector, **sizes) == SparseWork(1, 10, 10 * 9, 10, results=5 * 16, gathered=3 * 16)


def test_a_small_batch_that_trains_works_on_blocks():
    """Along an axis of 4 places the three taps meet 1, 2 and 2 of them; a tile of all 2×2 places reads 4×4."""
    work = sparse_work(CONVOLUTION, n_edges=10, n_sources=3, n_targets=5, batch=2, lanes=4)
    assert work == SparseWork(1, 10, 10 * 5**2, 10 * 4**2, results=5 * 4 * 2, gathered=0)


def test_dense_work_is_that_of_all_weights():
    work = dense_work(CONVOLUTION, n_edges=10, n_sources=3, n_targets=5, batch=2)
    assert work == DenseWork(
        links=1,
        products=15 * 9 * 4 * 2,
        weights=15 * 9,
        elements=2 * (3 * 16 + 5 * 4),
        cleared=15 * 9,
        scattered=10 * 9,
    )
    full = dense_work(CONVOLUTION, n_edges=15, n_sources=3, n_targets=5, batch=2)
    assert (full.cleared, full.scattered) == (0, 0)
