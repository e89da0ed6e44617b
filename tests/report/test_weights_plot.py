import numpy as np
import pytest

from swann._errors import InvalidValueError
from swann.report import plot_weights

image = pytest.importorskip("matplotlib.image")


def test_missing_links_are_white_and_strong_ones_dark(tmp_path):
    weights = np.full((3, 3), np.nan)
    weights[0, 1], weights[1, 2], weights[0, 2] = 1.0, 0.5, 0.1
    plot_weights(weights, tmp_path / "some.png", names=list("abc"), title="some")
    picture = image.imread(tmp_path / "some.png")[..., :3]
    dark_red = (abs(picture - (0.502, 0, 0.149)).max(axis=-1) < 0.02).mean()
    assert dark_red > 0.02
    assert (picture == 1).all(axis=-1).mean() > 0.3


def test_a_name_for_each_layer(tmp_path):
    with pytest.raises(InvalidValueError, match=r"one row and column for each of 2 layers, got \(3, 3\)"):
        plot_weights(np.zeros((3, 3)), tmp_path / "x.png", names=["a", "b"], title="x")
    assert not list(tmp_path.iterdir())
