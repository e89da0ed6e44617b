def test_the_whole_way_on_digits(run, tmp_path, monkeypatch):
    monkeypatch.setattr("swann.cli._demo._DIGITS", (2, 128, 5))
    code, out, err = run("demo", "--seeds", 1, "--out", "shown")
    assert code == 0, err
    for text in ("rewiring probability", "weights", "baseline", "twin", "★"):
        assert text in out
    files = {file.name for file in (tmp_path / "shown").iterdir()}
    assert {"search.png", "curves.png", "comparison.md", "swann-run.json"} <= files
    assert (
        "shown holds results already: replace them with --overwrite" in run("demo", "--seeds", 1, "--out", "shown")[2]
    )
    assert run("demo", "--seeds", 1, "--out", "shown", "--overwrite")[0] == 0


def test_a_folder_without_mnist_is_refused_where_it_was_named_and_passed_over_in_the_environment(
    run, refused, tmp_path, monkeypatch
):
    assert "dataset 'mnist' not found: looked for nowhere/MNIST" in refused("demo", "--data-dir", "nowhere")
    monkeypatch.setattr("swann.cli._demo._DIGITS", (1, 256, 5))
    monkeypatch.setenv("SWANN_DATA_DIR", str(tmp_path))
    code, out, err = run("demo", "--seeds", 1)
    assert code == 0, err
    assert "Both trained on digits" in out
