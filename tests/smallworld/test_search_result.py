import csv
import io
import json

import numpy as np
import pytest

from swann import FileFormatError
from swann.graph import LayerGraph
from swann.smallworld import SearchResult, reference, search


@pytest.fixture(scope="module")
def result():
    return search(LayerGraph.chain([3, 10, 10, 10, 4]), n_seeds=3, probabilities=(0.1, 0.5, 0.9))


def test_p_that_differ_by_less_than_their_error_are_said_to_be_equal():
    flat = SearchResult(
        (0.1, 0.2, 0.3),
        (0, 1),
        ((1.0, 1.1), (1.1, 1.02), (0.1, 0.2)),
        ((2.0, 2.0),) * 3,
        ((0, 0),) * 3,
        reference(10, 30),
        "nodes",
        True,
    )
    assert flat.best_p == 0.2
    assert flat.indistinguishable == (0.1, 0.2)


def test_a_result_of_before_there_were_blocks_is_read(result):
    values = json.loads(result.to_json())
    assert values.pop("granularity") == 1
    assert SearchResult.from_json(json.dumps(values)) == result


def test_json_and_csv_hold_the_whole_curve(result):
    assert SearchResult.from_json(result.to_json()) == result
    lines = list(csv.DictReader(io.StringIO(result.to_csv())))
    assert len(lines) == 3 * 3
    assert float(lines[-1]["S"]) == pytest.approx(result.S[-1, -1])
    assert np.isclose(float(lines[4]["gamma"]), result.gamma[1, 1])


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"probabilities": 3}'])
def test_what_is_no_result_is_refused(text):
    with pytest.raises(FileFormatError, match="not a search result"):
        SearchResult.from_json(text)
