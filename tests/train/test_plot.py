import pytest

from swann._errors import InvalidValueError, OutputError
from swann.train import compare, plot
from swann.train._plot import _heading, _interpolated

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")


@pytest.fixture
def histories(make_history):
    return {
        "plain": [make_history(0.5, 0.3, 0.02, seed=0), make_history(0.6, 0.3, 0.03, 0.03, seed=1)],
        "twin": [make_history(0.5, 0.02, seed=0), make_history(0.5, 0.04, seed=1)],
    }


def test_draws_a_png_and_leaves_the_backend_alone(histories, tmp_path):
    import matplotlib

    before = (
        matplotlib.rcParams._get_backend_or_none() if hasattr(matplotlib.rcParams, "_get_backend_or_none") else None
    )
    plot(compare(histories, "plain"), tmp_path / "curves.png")
    plot(histories, tmp_path / "without.png")
    content = (tmp_path / "curves.png").read_bytes()
    assert content.startswith(b"\x89PNG")
    assert content != (tmp_path / "without.png").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "without.png"]
    if hasattr(matplotlib.rcParams, "_get_backend_or_none"):
        assert matplotlib.rcParams._get_backend_or_none() == before


def test_an_error_of_zero_is_drawn_too(make_history, tmp_path):
    plot({"plain": [make_history(0.5, 0.0)]}, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_refuses_a_run_without_evaluations(make_history, tmp_path):
    with pytest.raises(InvalidValueError, match="^plot: plain has a run without an evaluation$"):
        plot({"plain": [make_history()]}, tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


def test_a_missing_folder_is_named(histories, tmp_path):
    with pytest.raises(OutputError, match="cannot write .*nowhere/curves.png"):
        plot(histories, tmp_path / "nowhere" / "curves.png")


@pytest.mark.parametrize(("x", "y"), [(0, 5), (1, 5), (1.5, 4), (2, 3), (3, 7), (4, 11), (9, 11)])
def test_a_star_stands_on_its_line(x, y):
    assert _interpolated(x, [1, 2, 4], [5, 3, 11]) == y


def test_the_heading_explains_what_is_drawn_and_nothing_else(histories, make_history):
    assert _heading({"plain": [make_history(0.5)]}) == ""
    band = "Lines: mean over the seeds; bands: smallest to largest."
    assert _heading(histories) == band
    star = "★: reaches the final accuracy of plain, a test error of 2.50% (dotted)."
    assert _heading(compare(histories, "plain")) == f"{band} {star}"
