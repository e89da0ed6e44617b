import json

import pytest

from swann.nn import Plan
from swann.train import Comparison

FAST = (
    "--model", "swann:mnist5", "--width", 0.5, "--epochs", 1, "--batch-size", 128, "--seeds", 2, "--threads", 1,
    "--accelerator", "cpu", "--p", 0.5,
)  # fmt: skip


def test_the_table_and_its_files(run, tmp_path):
    code, out, err = run("compare", *FAST, "--out", "runs")
    assert code == 0, err
    for text in ("baseline", "paper order, p = 0", "twin", "★", "speed-up"):
        assert text in out
    found = Comparison.from_json((tmp_path / "runs" / "comparison.json").read_text())
    assert found.seeds == (0, 1)
    assert (tmp_path / "runs" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "runs" / "comparison.md").read_text().startswith("| Variant |")
    assert not list((tmp_path / "runs").glob("checkpoint-*"))
    plan = Plan.from_json(json.loads((tmp_path / "runs" / "plan.json").read_text()))
    assert (plan.rewiring.rewiring_probability, plan.rewiring.seed, plan.order) == (0.5, 0, "paper")

    before = {file.name: file.read_text() for file in (tmp_path / "runs").glob("history-*")}
    assert len(before) == 6
    code, out, _ = run("compare", *FAST, "--out", "runs", "--resume", "--json")
    assert code == 0
    assert json.loads(out)["baseline"] == "baseline"
    assert before == {file.name: file.read_text() for file in (tmp_path / "runs").glob("history-*")}


def test_ctrl_c_keeps_what_was_done_and_says_how_to_go_on(run, tmp_path, monkeypatch):
    from swann.train import _run

    step, steps = _run.Run.step, []

    def interrupted(self, *arguments):
        steps.append(1)
        if len(steps) == 25:
            raise KeyboardInterrupt
        return step(self, *arguments)

    monkeypatch.setattr(_run.Run, "step", interrupted)
    code, _, err = run("compare", *FAST, "--out", "runs")
    assert code == 130
    assert err.splitlines()[-1].startswith("swann: stopped; what was done is kept")
    assert list((tmp_path / "runs").glob("history-*"))
    code, _, err = run("compare", *FAST, "--out", "runs", "--resume")
    assert code == 0, err
    whole = run("compare", *FAST, "--out", "whole")
    assert whole[0] == 0

    def errors(folder):
        found = Comparison.from_json((tmp_path / folder / "comparison.json").read_text())
        return {
            name: [[at.test_loss for at in history.evaluations] for history in histories]
            for name, histories in found.histories.items()
        }

    assert errors("runs") == errors("whole")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--p", 2), "p must be a number from 0 to 1, got 2"),
        (("--granularity", 64), "granularity 64 is too large: no hidden layer has more than 60"),
        (("--model", "swann:resnet81"), "did you mean 'resnet18'"),
        (("--data", "cifar10", "--data-dir", "."), "cifar10"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(refused, arguments, message):
    assert message in refused("compare", *FAST, *arguments, "--out", "runs")


def test_a_densenet_is_compared(run, tmp_path):
    model = ("--model", "swann:densenet40", "--width", 0.1, "--epochs", 1, "--batch-size", 512, "--seeds", 1)
    code, out, err = run("compare", *model, "--threads", 1, "--accelerator", "cpu", "--out", "runs")
    assert code == 0, err
    assert "twin" in out
    assert err.count("the search chose p = ") == 3
    assert "for block 3" in err
    assert (tmp_path / "runs" / "search-block-3.json").is_file()
