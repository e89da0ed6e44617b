import json

import pytest

from swann.cli import _reproduce
from swann.experiments._recipe import parse_recipe

COMMON = """
title = "a title"
model = "swann:mnist5"
data = "digits"
seeds = 1
width = 0.5
train_images = 64
test_images = 32
[training]
iterations = 4
batch_size = 16
evaluate_every = 2
optimizer = { name = "sgd", lr = 0.05 }
"""
PAPER = '\n[paper]\nnote = "It is fast."\n'
RECIPES = {
    "fig9": f'kind = "convergence"\np = [0.5]\n{COMMON}{PAPER}',
    "fig6": f'kind = "sweep"\np = [0.0, 0.5]\n{COMMON}target_error = 0.99\n{PAPER}',
    "fig13": f'kind = "weights"\np = [0.5]\n{COMMON}{PAPER}',
}


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Put recipes of a second in the place of those that come with the package."""
    monkeypatch.setattr(_reproduce, "load_recipe", lambda name, scale: parse_recipe(name, RECIPES[name], scale))


def test_convergence_has_its_controls(run, tmp_path):
    code, out, err = run("reproduce", "fig9", "--threads", 1, "--accelerator", "cpu")
    assert code == 0, err
    for name in ("baseline", "paper order, p = 0", "twin", "random links, p = 1"):
        assert name in out
    assert "It is fast." in out
    folder = tmp_path / "runs" / "fig9"
    written = {file.name for file in folder.iterdir()}
    assert {"comparison.json", "comparison.csv", "curves.png", "fig9.md"} <= written
    page = (folder / "fig9.md").read_text()
    assert "- Command: `swann reproduce fig9 --threads 1 --accelerator cpu`" in page
    assert "| twin | iterations |" in page


def test_a_sweep_says_what_each_p_needs(run, tmp_path):
    code, out, err = run("reproduce", "fig6", "--threads", 1, "--out", "sweep", "--seeds", 2, "--json")
    assert code == 0, err
    values = json.loads(out)
    assert [point["p"] for point in values["points"]] == [0.0, 0.5]
    assert {point["n_seeds"] for point in values["points"]} == {2}
    assert [point["S"] > 0 for point in values["points"]] == [False, True]  # a chain has no triangles
    assert json.loads((tmp_path / "sweep" / "sweep.json").read_text()) == values
    assert (tmp_path / "sweep" / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_weights_are_written_as_a_map(run, tmp_path):
    code, out, err = run("reproduce", "fig13", "--threads", 1, "--iterations", 2)
    assert code == 0, err
    assert "After 2 iterations the test error is" in out
    lines = (tmp_path / "runs" / "fig13" / "weights.csv").read_text().splitlines()
    assert len(lines) == 1 + len(lines[0].split(",")) - 1
    assert {"weights.png", "network.safetensors", "fig13.md"} <= {
        file.name for file in (tmp_path / "runs" / "fig13").iterdir()
    }


def test_a_run_is_not_repeated_unless_it_is_to_be(run):
    arguments = ("reproduce", "fig9", "--threads", 1, "--iterations", 2)
    assert run(*arguments)[0] == 0
    assert "--resume" in run(*arguments)[2]
    assert run(*arguments, "--resume")[0] == 0


def test_table_1_is_printed_and_written(run, tmp_path):
    code, out, _ = run("reproduce", "table1", "--out", "there")
    assert code == 0
    assert "ResNet-18" in out
    assert "| AlexNet |" in (tmp_path / "there" / "table1.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fig13", "--seeds", 2), "--seeds: fig13 shows the weights of one network, found 2"),
        (("fig9", "--p", 2), "2"),
        (("fig9", "--data", "digit"), "digits"),
    ],
)
def test_bad_input_is_one_line(refused, arguments, message):
    assert message in refused("reproduce", *arguments, "--threads", 1)
