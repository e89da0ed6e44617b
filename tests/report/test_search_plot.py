import sys

import pytest

from swann import MissingExtraError, OutputError
from swann.graph import LayerGraph
from swann.report import plot_search
from swann.smallworld import search


@pytest.fixture(scope="module")
def result():
    return search(LayerGraph.chain([3, 10, 10, 10, 4]), n_seeds=2, probabilities=(0, 0.5, 0.9))


def test_a_png_is_written(result, tmp_path):
    plot_search(result, tmp_path / "curve.png")
    data = (tmp_path / "curve.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    assert len(data) > 20_000
    assert [file.name for file in tmp_path.iterdir()] == ["curve.png"]


def test_what_is_missing_is_named(result, tmp_path, monkeypatch):
    with pytest.raises(OutputError, match=r"cannot write .*none/curve\.png"):
        plot_search(result, tmp_path / "none" / "curve.png")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises((MissingExtraError, ModuleNotFoundError)):
        plot_search(result, tmp_path / "curve.png")
