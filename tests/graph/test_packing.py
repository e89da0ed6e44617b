import json

import pytest

from swann import FileFormatError
from swann.graph import LayerGraph, from_json, to_json
from swann.smallworld import rewire


@pytest.mark.parametrize("sizes", [[1, 1], [3, 5, 2], [7, 1, 9, 4]])
def test_graphs_come_back(sizes):
    graph = rewire(LayerGraph.chain(sizes), 0.5).graph
    assert from_json(json.loads(json.dumps(to_json(graph)))) == graph


@pytest.mark.parametrize(
    "change",
    [{"sizes": [3, 5, 3]}, {"sizes": [3]}, {"sizes": None}, {"edges": "????"}, {"edges": "AAAA"}, {"edges": 3}],
)
def test_damaged_values_are_refused(change):
    with pytest.raises(FileFormatError, match="not a graph|take"):
        from_json(to_json(LayerGraph.chain([3, 5, 2])) | change)
