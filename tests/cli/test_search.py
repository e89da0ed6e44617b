import csv
import json

from swann.smallworld import SearchResult

FAST = ("--model", "swann:mnist5", "--steps", 5, "--seeds", 2)


def test_the_curve_is_printed_and_written(run, tmp_path):
    code, out, err = run("search", *FAST, "--out", "found")
    assert code == 0, err
    assert "★" in out
    assert sorted(file.name for file in (tmp_path / "found").iterdir()) == [
        "search.csv",
        "search.json",
        "search.png",
        "swann-run.json",
    ]
    result = SearchResult.from_json((tmp_path / "found" / "search.json").read_text())
    assert result.probabilities == (0, 0.25, 0.5, 0.75, 1)
    with (tmp_path / "found" / "search.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 10
    assert (tmp_path / "found" / "search.png").read_bytes().startswith(b"\x89PNG")


def test_json_is_all_that_a_pipe_sees(run):
    _, out, err = run("search", *FAST, "--json")
    assert json.loads(out)["best_p"] == SearchResult.from_json(out).best_p
    assert not err


def test_measurements_are_kept_unless_told_otherwise(run, tmp_path):
    run("search", *FAST, "--no-cache")
    assert not (tmp_path / "cache").exists()
    run("search", *FAST)
    assert len(list((tmp_path / "cache").iterdir())) == 10


def test_blocks_are_searched(run):
    found = SearchResult.from_json(run("search", *FAST, "--granularity", 4, "--json")[1])
    assert found.granularity == 4
    assert found.clustering != SearchResult.from_json(run("search", *FAST, "--json")[1]).clustering


def test_bad_input_is_one_line(refused, tmp_path):
    assert "granularity 128 is too large: no hidden layer has more than 120" in refused(
        "search", *FAST, "--granularity", 128
    )
    assert "unknown 'node': did you mean 'nodes'" in refused("search", *FAST, "--draw", "node")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("miaow")
    assert "was not made by swann (it holds cat.jpg" in refused("search", *FAST, "--out", "photos")
    assert "is a file" in refused("search", *FAST, "--out", "photos/cat.jpg")


def test_dense_blocks_have_a_p_each(refused):
    line = refused("search", "--model", "swann:densenet40", "--width", 0.1)
    assert "swann:densenet40 has dense blocks, each with its own p; swann convert and swann compare search" in line
