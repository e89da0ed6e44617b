from swann.nn.costs._work import DenseWork, SparseWork, dense_work, sparse_work
from swann.nn.kernels import LinkShape

CONVOLUTION = LinkShape((4, 4), (2, 2), (3, 3), (2, 2), (1, 1), (1, 1))


def test_the_work_of_a_strided_convolution_by_hand():
    """Of 36 pairs of a tap and a place, 25 meet the map: along each axis places meet 2 and 3 of 3 taps."""
    work = sparse_work(CONVOLUTION, n_edges=10, n_sources=3, n_targets=5, batch=32, lanes=16)
    assert work == SparseWork(links=1, tiles=20, products=20 * 25, reads=20 * 16, results=5 * 4 * 32, gathered=0)


def test_a_small_batch_works_on_columns():
    work = sparse_work(CONVOLUTION, n_edges=10, n_sources=3, n_targets=5, batch=2, lanes=4)
    vectors = 2  # 4 places of 2 samples
    assert work == SparseWork(*(1, 10, 10 * 9 * vectors, 10 * 9 * vectors), results=5 * 4 * 2, gathered=3 * 9 * 4 * 2)


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
