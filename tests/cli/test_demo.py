def test_the_whole_way_on_digits(run, tmp_path):
    code, out, err = run("demo", "--seeds", 1, "--out", "shown")
    assert code == 0, err
    for text in ("rewiring probability", "weights", "baseline", "twin", "★"):
        assert text in out
    files = {file.name for file in (tmp_path / "shown").iterdir()}
    assert {"search.png", "curves.png", "comparison.md", "swann-run.json"} <= files
    assert run("demo", "--seeds", 1, "--out", "shown")[0] == 0
