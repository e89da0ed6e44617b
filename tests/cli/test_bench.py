import json

import pytest

MODEL = ("--model", "swann:mnist5", "--p", 0.5)
QUICK = ("--quick", "--batch", 2, "--train-batch", 2, "--threads", 1)


def test_it_writes_a_table_samples_and_a_picture(run, tmp_path):
    code, out, err = run(
        "bench", *MODEL, *QUICK, "--no-memory", "--granularity", 2, "--precision", "bf16-mixed", "--out", "there"
    )
    assert code == 0, err
    assert "★" in out
    assert "twin sparse" in out
    written = {path.name for path in (tmp_path / "there").iterdir()}
    assert written == {"bench.json", "bench.md", "bench.png", "plan.json", "swann-run.json"}
    values = json.loads((tmp_path / "there" / "bench.json").read_text())
    assert values["name"] == "swann:mnist5, p = 0.5, granularity 2, bfloat16"
    assert [(case["task"], case["batch"]) for case in values["cases"]] == [("inference", 2), ("training step", 2)]
    assert len(values["cases"][0]["twins"]["twin masked"]) == 3
    assert "- Command: `swann bench" in (tmp_path / "there" / "bench.md").read_text()


def test_a_densenet_is_measured_with_p_found_for_each_block(run, tmp_path):
    arguments = ("--model", "swann:densenet40", "--width", 0.25, "--backend", "sparse", "--no-memory", *QUICK)
    code, _, err = run("bench", *arguments, "--out", "there")
    assert code == 0, err
    values = json.loads((tmp_path / "there" / "bench.json").read_text())
    plan = json.loads((tmp_path / "there" / "plan.json").read_text())
    assert len(plan["parts"]) == 7
    assert values["name"].startswith("swann:densenet40, p = ")
    assert err.count("the search chose p = ") == 3
    assert 0.2 < values["multiplications"] < 0.5  # 85.5M against 285.3M in the paper


def test_memory_is_measured_and_json_alone_is_on_the_output(run):
    code, out, _ = run("bench", *MODEL, *QUICK, "--backend", "auto", "--json")
    assert code == 0
    values = json.loads(out)
    assert values["memory"]["twins"]["twin auto"] > 100_000 or "peak memory" in values["left_out"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--p", 1.5), "1.5"),
        (("--batch", 0), "Invalid value for '--batch': 0 is not in the range x>=1."),
        (("--backend", "spars"), "unknown backend 'spars'"),
        (("--model", "swann:mnist6"), "mnist5"),
        (("--threads", 4096), "threads: this process may use"),
        (("--granularity", 0), "granularity"),
    ],
)
def test_bad_input_is_one_line(refused, arguments, message):
    assert message in refused("bench", *MODEL, *QUICK, *arguments)


def test_a_directory_that_is_not_ours_is_left_alone(refused, tmp_path):
    (tmp_path / "letter.txt").write_text("mine")
    assert "exists and was not made by swann" in refused("bench", *MODEL, *QUICK, "--out", tmp_path)
