import pytest

from swann._errors import InvalidValueError
from swann.report import plot_sweep

image = pytest.importorskip("matplotlib.image")
BLUE = (0, 114 / 255, 178 / 255)


def _blue(path):
    picture = image.imread(path)[..., :3]
    return (abs(picture - BLUE).max(axis=-1) < 0.02).sum()


def test_only_rates_that_were_found_are_drawn(tmp_path):
    rates = [(0.9, 1.0, 1.1), (1.2, 1.5, 1.9), (0.5, 0.8, 1.0)]
    plot_sweep([0.0, 0.5, 1.0], [1.0, 1.2, 1.1], rates, tmp_path / "all.png", title="all")
    plot_sweep([0.0, 0.5, 1.0], [1.0, 1.2, 1.1], [None] * 3, tmp_path / "none.png", title="none")
    assert _blue(tmp_path / "all.png") > 100
    assert _blue(tmp_path / "none.png") == 0


@pytest.mark.parametrize("arguments", [([], [], []), ([0.5], [1.0, 2.0], [None])])
def test_as_many_figures_as_p(tmp_path, arguments):
    with pytest.raises(InvalidValueError, match="sweep: expected as many figures as p"):
        plot_sweep(*arguments, tmp_path / "x.png", title="x")
    assert not list(tmp_path.iterdir())
