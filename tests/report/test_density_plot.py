import pytest

from swann._errors import InvalidValueError, MissingExtraError
from swann.graph import LayerGraph
from swann.report import plot_densities
from swann.report._density_plot import percent
from swann.smallworld import rewire

image = pytest.importorskip("matplotlib.image")


def _pixels(path):
    return image.imread(path)[..., :3]


@pytest.fixture
def graphs():
    before = LayerGraph.chain([2, 4, 4, 3])
    return before, rewire(before, 0.7, seed=0).graph


def test_the_picture_is_a_png_in_which_rewiring_fills_white_squares(tmp_path, graphs):
    before, after = graphs
    plot_densities(before, after, tmp_path / "rewired.png", names=["a", "b", "c", "d"])
    plot_densities(before, before, tmp_path / "same.png")
    rewired, same = (_pixels(tmp_path / name) for name in ("rewired.png", "same.png"))
    assert (tmp_path / "rewired.png").read_bytes().startswith(b"\x89PNG")
    middle = rewired.shape[1] // 2
    white = [(picture[:, middle:] == 1).all(axis=-1).mean() for picture in (rewired, same)]
    assert white[0] < white[1] - 0.02


def test_many_layers_are_drawn_too(tmp_path):
    before = LayerGraph.chain([3] * 45)
    plot_densities(before, rewire(before, 0.5).graph, tmp_path / "deep.png")
    height, width, _ = _pixels(tmp_path / "deep.png").shape
    assert height < width < 4000


@pytest.mark.parametrize(
    ("share", "text"),
    [(1e-9, "<1"), (0.005, "<1"), (0.006, "1"), (0.5, "50"), (0.994, "99"), (0.995, ">99"), (1.0, "100")],
)
def test_no_share_above_0_reads_as_none_and_none_below_1_as_all(share, text):
    assert percent(share) == text


def test_graphs_of_other_layers_are_refused(tmp_path, graphs):
    with pytest.raises(InvalidValueError, match=r"same layers, got sizes \(2, 4, 4, 3\) before and \(2, 4, 3\) after"):
        plot_densities(graphs[0], LayerGraph.chain([2, 4, 3]), tmp_path / "x.png")
    assert not list(tmp_path.iterdir())


def test_names_must_be_one_for_each_layer(tmp_path, graphs):
    with pytest.raises(InvalidValueError, match=r"a network of 4 layers, the input's among them, got 2 names"):
        plot_densities(*graphs, tmp_path / "x.png", names=["a", "b"])


def test_without_matplotlib_the_extra_is_named(tmp_path, graphs, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"swann\[report\]"):
        plot_densities(*graphs, tmp_path / "x.png")
