import numpy as np
import pytest

from swann._errors import InvalidValueError
from swann.report import plot_partition

image = pytest.importorskip("matplotlib.image")

MOST = (253, 231, 37)
"""The last colour of viridis."""


def draw(path, counts, classes):
    plot_partition(np.array(counts), classes, path)
    picture = np.round(255 * image.imread(path)[..., :3]).astype(int)
    return np.argwhere((np.abs(picture - MOST) <= 1).all(axis=-1)), picture.shape


def test_clients_go_from_left_to_right_and_classes_from_top_to_bottom(tmp_path):
    falling, shape = draw(tmp_path / "falling.png", [[9, 0, 0], [0, 9, 0], [0, 0, 9]], ["a", "b", "c"])
    rising, _ = draw(tmp_path / "rising.png", [[0, 0, 9], [0, 9, 0], [9, 0, 0]], ["a", "b", "c"])
    assert (tmp_path / "falling.png").read_bytes().startswith(b"\x89PNG")
    for found, sign in ((falling, 1), (rising, -1)):
        left = found[found[:, 1] < 0.7 * shape[1]]  # not the bar of colours
        assert sign * np.corrcoef(left.T)[0, 1] > 0.8
        assert len(left) > 1000


def test_many_clients_and_classes_fit(tmp_path):
    counts = np.ones((300, 100), int)
    _, (height, width, _) = draw(tmp_path / "many.png", counts, [str(number) for number in range(100)])
    assert height <= 1200
    assert width <= 1800


def test_a_class_without_a_name_is_refused(tmp_path):
    with pytest.raises(InvalidValueError, match="classes: expected 2 names, found 1"):
        plot_partition(np.ones((3, 2), int), ["a"], tmp_path / "there.png")
    assert not list(tmp_path.iterdir())
