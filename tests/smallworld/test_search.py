import csv
import io

import numpy as np
import pytest

from swann import FileFormatError, InvalidValueError
from swann.graph import LayerGraph
from swann.smallworld import SearchResult, measure, reference, rewire, search
from swann.smallworld._search import GRID

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


def test_p_that_differ_by_less_than_their_error_are_said_to_be_equal():
    flat = SearchResult(
        (0.1, 0.2, 0.3), (0, 1), ((1.0, 1.1), (1.1, 1.02), (0.1, 0.2)), ((2.0, 2.0),) * 3, ((0, 0),) * 3,
        reference(10, 30), "nodes", True,
    )  # fmt: skip
    assert flat.best_p == 0.2
    assert flat.indistinguishable == (0.1, 0.2)


def test_progress_is_reported():
    seen = []
    search(GRAPH, probabilities=(0, 0.5), n_seeds=2, on_progress=lambda *at: seen.append(at))
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_json_and_csv_hold_the_whole_curve(result):
    assert SearchResult.from_json(result.to_json()) == result
    lines = list(csv.DictReader(io.StringIO(result.to_csv())))
    assert len(lines) == 21 * 3
    assert float(lines[-1]["S"]) == pytest.approx(result.S[-1, -1])
    assert np.isclose(float(lines[4]["gamma"]), result.gamma[1, 1])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
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


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"probabilities": 3}'])
def test_what_is_no_result_is_refused(text):
    with pytest.raises(FileFormatError, match="not a search result"):
        SearchResult.from_json(text)
