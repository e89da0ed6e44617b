import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import InvalidValueError
from swann.graph import LayerGraph
from swann.report import plot_graph
from swann.report._graph_plot import bend, curve_heights, node_positions
from swann.smallworld import rewire

image = pytest.importorskip("matplotlib.image")

BLUE, ORANGE = np.array([0x00, 0x72, 0xB2]) / 255, np.array([0xD5, 0x5E, 0x00]) / 255


def _count(path, colour):
    pixels = image.imread(path)[..., :3]
    return int((np.abs(pixels - colour).max(axis=-1) < 0.15).sum())


def test_new_edges_are_blue_and_removed_ones_orange(tmp_path):
    before = LayerGraph.chain([2, 3, 3, 2])
    after = rewire(before, 0.4, seed=0).graph
    plot_graph(before, after, tmp_path / "rewired.png")
    plot_graph(before, before, tmp_path / "same.png")
    # the legend shows both colours in either picture
    for colour in (BLUE, ORANGE):
        assert _count(tmp_path / "rewired.png", colour) > 2 * _count(tmp_path / "same.png", colour) > 0


def test_nodes_stand_in_columns_from_the_top():
    assert node_positions((1, 3)).round(3).tolist() == [[0, 0.5], [1, 0.833], [1, 0.5], [1, 0.167]]


def test_an_edge_past_a_node_on_its_line_bends_round_it():
    positions = node_positions((1, 1, 1))
    control = bend(positions[0], positions[2], positions)
    assert control[0] == 1
    heights = curve_heights(positions[[0, 2]], control)
    assert abs(heights[10] - 0.5) >= 0.04
    assert heights[[0, -1]].tolist() == [0.5, 0.5]


@given(st.lists(st.integers(1, 8), min_size=3, max_size=7), st.data())
def test_long_edges_keep_clear_of_the_nodes_between(sizes, data):
    positions = node_positions(tuple(sizes))
    layers = positions[:, 0]
    start = positions[data.draw(st.integers(0, sizes[0] - 1))]
    end = positions[data.draw(st.sampled_from(np.flatnonzero(layers >= 2).tolist()))]
    control = bend(start, end, positions)
    for layer in range(1, int(end[0])):
        t = layer / end[0]  # the curve starts at layer 0
        height = (1 - t) ** 2 * start[1] + 2 * t * (1 - t) * control[1] + t**2 * end[1]
        assert np.abs(height - positions[layers == layer, 1]).min() > 0.005


@pytest.mark.parametrize(
    ("sizes", "found"), [([60, 1, 60], "121 nodes and 120 edges"), ([25, 25, 1], "51 nodes and 650 edges")]
)
def test_what_could_not_be_read_is_refused(tmp_path, sizes, found):
    graph = LayerGraph.chain(sizes)
    with pytest.raises(
        InvalidValueError, match=rf"{found} could not be read; it can show up to 120 nodes and 600 edges"
    ):
        plot_graph(graph, graph, tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_graphs_of_other_layers_are_refused(tmp_path):
    with pytest.raises(InvalidValueError, match=r"the two graphs must have the same layers"):
        plot_graph(LayerGraph.chain([2, 2, 2]), LayerGraph.chain([2, 3, 2]), tmp_path / "x.png")
