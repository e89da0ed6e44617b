import pytest

from swann import InvalidValueError
from swann.graph import LayerGraph
from swann.smallworld import GRID, MeasurementCache, _search, measure, reference, rewire, search

GRAPH = LayerGraph.chain([3, 10, 10, 10, 10, 10, 4])


@pytest.fixture(scope="module")
def result():
    return search(GRAPH, n_seeds=3)


def test_the_curve_is_that_of_each_graph_measured_on_its_own(result):
    assert result.probabilities == GRID
    random = reference(GRAPH.n_nodes, GRAPH.n_edges, samples=5, seed=0)
    for row, p in [(0, 0.0), (7, 0.35), (20, 1.0)]:
        for seed in range(3):
            figures = measure(rewire(GRAPH, p, seed=seed).graph)
            assert result.clustering[row][seed] == figures.clustering
            assert result.path_length[row][seed] == figures.path_length
            expected = figures.clustering / random.clustering / (figures.path_length / random.path_length)
            assert result.S[row, seed] == pytest.approx(expected)


def test_the_best_p_has_the_largest_mean_S(result):
    mean = result.S.mean(axis=1)
    assert mean[result.probabilities.index(result.best_p)] == mean.max() == result.best_S
    assert result.best_p in result.indistinguishable
    assert 0.0 not in result.indistinguishable


def test_progress_is_reported():
    seen = []
    search(GRAPH, probabilities=(0, 0.5), n_seeds=2, on_progress=lambda *at: seen.append(at))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_near_the_maximum_finds_the_same_p_with_fewer_graphs(result):
    quick = search(GRAPH, n_seeds=3, near_maximum=True)
    assert quick.best_p == result.best_p
    assert len(quick.probabilities) < len(result.probabilities)
    for p in quick.probabilities:
        assert quick.clustering[quick.probabilities.index(p)] == result.clustering[result.probabilities.index(p)]


def test_near_the_maximum_goes_on_while_S_rises(monkeypatch):
    """The closed form is made to point at p = 0.2, far below the true maximum."""
    monkeypatch.setattr(_search, "_expected_curve", lambda *_: tuple((p, -abs(p - 0.2)) for p in GRID))
    found = search(GRAPH, n_seeds=1, near_maximum=True, probabilities=GRID)
    rising = [p for p in found.probabilities if p >= 0.1]
    assert rising[0] == 0.1
    assert found.best_p not in (found.probabilities[0], found.probabilities[-1])


def test_a_graph_that_is_no_chain_is_measured_everywhere():
    found = search(rewire(GRAPH, 0.3).graph, n_seeds=1, near_maximum=True)
    assert found.expected == ()
    assert found.probabilities == GRID


def test_the_closed_form_comes_with_the_curve(result):
    assert [p for p, _ in result.expected] == list(GRID)
    expected = dict(result.expected)
    assert expected[0.5] == pytest.approx(result.S[10].mean(), rel=0.1)


def test_the_number_of_threads_changes_nothing():
    one, two = (search(GRAPH, probabilities=(0.2, 0.6), n_seeds=2, threads=threads) for threads in (1, 2))
    assert one == two


def test_what_is_in_the_cache_is_not_measured_again(tmp_path, monkeypatch):
    cache = MeasurementCache(tmp_path)
    first = search(GRAPH, probabilities=(0.2, 0.6), n_seeds=2, cache=cache)
    entries = sorted(tmp_path.iterdir())
    assert len(entries) == 4
    entries[0].write_text("damaged")
    measured = []
    monkeypatch.setattr(_search, "measure", lambda *args, **options: measured.append(1) or measure(*args, **options))
    assert search(GRAPH, probabilities=(0.2, 0.6), n_seeds=2, cache=cache) == first
    assert len(measured) == 1


def test_blocks_are_measured_on_the_graph_of_channels(tmp_path):
    cache = MeasurementCache(tmp_path)
    options = {"probabilities": (0.4, 0.8), "n_seeds": 2, "cache": cache}
    single, blocks = (search(GRAPH, granularity=granularity, **options) for granularity in (1, 5))
    assert blocks.granularity == 5
    assert len(list(tmp_path.iterdir())) == 8
    figures = measure(rewire(GRAPH, 0.8, seed=1, granularity=5).graph)
    assert (blocks.clustering[1][1], blocks.path_length[1][1]) == (figures.clustering, figures.path_length)
    assert blocks.clustering != single.clustering
    assert blocks.reference == single.reference
    assert blocks.expected != single.expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"granularity": 0}, "the granularity must be a whole number of at least 1, got 0"),
        ({"granularity": 16}, "granularity 16 is too large: no hidden layer has more than 10 neighbouring channels"),
        ({"probabilities": (0, 2)}, "p must be a number from 0 to 1, got 2"),
        ({"probabilities": ()}, "at least one number, none of them twice"),
        ({"probabilities": (0.5, 0.5)}, "at least one number, none of them twice"),
        ({"n_seeds": 0}, "n_seeds must be at least 1, got 0"),
    ],
)
def test_bad_settings_are_named(arguments, message):
    with pytest.raises(InvalidValueError, match=message):
        search(GRAPH, **arguments)


def test_a_graph_for_which_S_is_not_defined_is_refused():
    with pytest.raises(InvalidValueError, match="choose p yourself"):
        search(LayerGraph.chain([1, 1, 1]))
