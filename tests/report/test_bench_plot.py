import pytest

from swann._errors import InvalidValueError
from swann.report import plot_bench

image = pytest.importorskip("matplotlib.image")

BASELINES = {"inference, batch 1": {"baseline": (1.0, 1.0, 1.0)}, "memory": {"baseline": (1.0, 1.0, 1.0)}}
TWINS = {"inference, batch 1": {"twin": (0.4, 0.5, 0.6)}, "memory": {"twin": (1.1, 1.1, 1.1)}}
ORANGE = (213 / 255, 94 / 255, 0)


def _width_of_orange(path):
    picture = image.imread(path)[..., :3]
    return (abs(picture - ORANGE).max(axis=-1) < 0.02).any(axis=0).sum()


def test_longer_bars_are_slower(tmp_path):
    plot_bench(BASELINES, TWINS, tmp_path / "fast.png", title="net", limit=0.4)
    slow = {case: {"twin": (3.0, 3.0, 3.0)} for case in TWINS}
    both = {case: {**BASELINES[case], "other": (3.0, 3.0, 3.0)} for case in BASELINES}
    plot_bench(both, TWINS, tmp_path / "beside_a_slow_one.png", title="net")
    plot_bench(BASELINES, slow, tmp_path / "slow.png", title="net")
    assert _width_of_orange(tmp_path / "slow.png") > 2 * _width_of_orange(tmp_path / "beside_a_slow_one.png") > 0


@pytest.mark.parametrize(("baselines", "twins"), [({}, {}), (BASELINES, {})])
def test_cases_that_differ_are_refused(tmp_path, baselines, twins):
    with pytest.raises(InvalidValueError, match="expected the same cases of both"):
        plot_bench(baselines, twins, tmp_path / "x.png", title="net")
    assert not list(tmp_path.iterdir())
