import pytest

pytest.importorskip("matplotlib")


def test_results_of_commands_become_a_page(run, tmp_path):
    small = ("--model", "swann:mnist5", "--width", 0.5)
    assert run("convert", *small, "--p", 0.5, "--out", "twin")[0] == 0
    assert run("analyze", *small, "--out", "plain")[0] == 0
    code, out, err = run("report", "twin", "plain", "--out", "pages/all.html")
    assert code == 0, err
    assert not out
    assert "twin: left out: Small-worldness, Convergence, Bench" in err
    assert "written to pages/all.html (" in err
    text = (tmp_path / "pages" / "all.html").read_text()
    assert "swann convert --model swann:mnist5 --width 0.5 --p 0.5 --out twin" in text
    assert (tmp_path / "pages" / "all-figures" / "1-twin-architecture-layers.svg").is_file()
    code, _, err = run("report", "twin", "--out", "pages/all.html")
    assert (code, err.count("\n")) == (2, 1)
    assert "replace it with --overwrite" in err
    assert run("report", "twin", "--out", "pages/all.html", "--overwrite")[0] == 0
    assert "analyze" not in (tmp_path / "pages" / "all.html").read_text()


def test_what_is_not_ours_is_refused(refused, tmp_path):
    (tmp_path / "photos").mkdir()
    assert "photos holds no results of swann" in refused("report", "photos")
    assert "none is not there" in refused("report", "none")
    assert "Missing argument 'RUN_DIR…'" in refused("report")
