import hashlib
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

import swann
from swann.cli import _recipe, _reproduce
from swann.experiments import bench
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
    assert {"comparison.json", "comparison.csv", "curves.png", "fig9.md", "plan.json", "search.json"} <= written
    page = (folder / "fig9.md").read_text()
    assert "- Command: `swann reproduce fig9 --threads 1 --accelerator cpu`" in page
    assert "| twin | iterations |" in page
    assert "- Weights of convolutions and linear layers: " in page


def test_a_sweep_says_what_each_p_needs(run, tmp_path):
    code, out, err = run("reproduce", "fig6", "--threads", 1, "--out", "sweep", "--seeds", 2, "--json")
    assert code == 0, err
    values = json.loads(out)
    assert [point["p"] for point in values["points"]] == [0.0, 0.5]
    assert {point["n_seeds"] for point in values["points"]} == {2}
    assert [point["S"] > 0 for point in values["points"]] == [False, True]  # a chain has no triangles
    assert json.loads((tmp_path / "sweep" / "sweep.json").read_text()) == values
    assert (tmp_path / "sweep" / "sweep.png").read_bytes().startswith(b"\x89PNG")


def test_cifar_100_in_its_official_files(run, tmp_path, monkeypatch):
    folder = tmp_path / "data" / "cifar-100-python"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    sums = {}
    for name, count in (("train", 200), ("test", 100)):
        images = generator.integers(0, 256, (count, 3072), dtype=np.uint8)
        labels = [number % 100 for number in range(count)]
        content = pickle.dumps({"fine_labels": labels, "data": images}, protocol=2)
        (folder / name).write_bytes(content)
        sums[name] = hashlib.md5(content).hexdigest()
    content = pickle.dumps({"fine_label_names": [f"class {number}" for number in range(100)]}, protocol=2)
    (folder / "meta").write_bytes(content)
    official = torchvision.datasets.CIFAR100  # its sums stand for the real files
    monkeypatch.setattr(official, "train_list", [["train", sums["train"]]])
    monkeypatch.setattr(official, "test_list", [["test", sums["test"]]])
    monkeypatch.setattr(official, "meta", official.meta | {"md5": hashlib.md5(content).hexdigest()})
    recipe = RECIPES["fig13"].replace("digits", "cifar100").replace("train_images = 64", "train_images = 100")
    recipe = recipe.replace("test_images = 32", "test_images = 100")
    monkeypatch.setitem(RECIPES, "fig10-cifar100", recipe)
    code, _, err = run("reproduce", "fig10-cifar100", "--data-dir", "data", "--threads", 1, "--accelerator", "cpu")
    assert code == 0, err
    network = swann.load(tmp_path / "runs" / "fig10-cifar100" / "network.safetensors")
    assert network(torch.zeros(1, 3, 32, 32)).shape == (1, 100)


def test_imagenet_is_read_from_folders_with_crops_of_whole_images(run, tmp_path, monkeypatch):
    for part, count in (("train", 16), ("val", 8)):
        for number in range(count):
            path = tmp_path / "imagenet" / part / f"n0{number % 2}" / f"{number}.JPEG"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(number).integers(0, 256, (40 + number, 60, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path, format="JPEG")
    (tmp_path / "imagenet" / "train" / "n00" / "2.JPEG").write_bytes(b"no image")
    recipe = RECIPES["fig13"].replace("train_images = 64\ntest_images = 32", "image_size = 28\nstream = true")
    recipe = recipe.replace("iterations = 4", "iterations = 2").replace("digits", "folder:imagenet")
    recipe = recipe.replace("batch_size = 16", "batch_size = 8\naugment = { mirror = true, crop = [0.4667, 0.875] }")
    monkeypatch.setitem(RECIPES, "table5", recipe)
    code, _, err = run("reproduce", "table5", "--skip-corrupt", "--threads", 1, "--accelerator", "cpu")
    assert code == 0, err
    assert "left out 1 image that cannot be read: imagenet/train/n00/2.JPEG: " in err
    history = json.loads((tmp_path / "runs" / "table5" / "history.json").read_text())
    assert [at["iteration"] for at in history["evaluations"]] == [2]


def test_overhead_is_timed_and_its_architecture_kept(run, tmp_path, monkeypatch):
    monkeypatch.setitem(
        RECIPES,
        "overhead",
        f'kind = "overhead"\ntitle = "t"\nmodel = "swann:mnist5"\ndata = "mnist"\np = [0.5]\nseeds = 1\n{PAPER}',
    )
    monkeypatch.setattr(_recipe, "bench", _one_round)
    code, out, err = run("reproduce", "overhead", "--threads", 1)
    assert code == 0, err
    assert "In the paper: It is fast." in out
    folder = tmp_path / "runs" / "overhead"
    assert {"bench.json", "bench.md", "overhead.md", "plan.json"} <= {file.name for file in folder.iterdir()}
    assert "| inference, batch 1, 1 thread |" in (folder / "overhead.md").read_text()


def _one_round(model, twin, settings, **more):
    changes = {"batches": (1,), "train_batch": 2, "rounds": 1, "backends": ("masked",), "sample_seconds": 1e-3}
    return bench(model, twin, replace(settings, **changes), **more)


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


def test_a_densenet_converges_but_has_no_weights_of_a_single_chain(run, refused, monkeypatch):
    monkeypatch.setitem(RECIPES, "fig9", RECIPES["fig9"].replace("mnist5", "densenet40").replace("0.5\ntr", "0.1\ntr"))
    monkeypatch.setitem(RECIPES, "fig13", RECIPES["fig13"].replace("mnist5", "densenet40"))
    code, out, err = run("reproduce", "fig9", "--threads", 1, "--accelerator", "cpu")
    assert code == 0, err
    assert "random links, p = 1" in out
    code, _, err = run("reproduce", "fig13", "--threads", 1, "--accelerator", "cpu")
    assert (code, err) == (
        2,
        "swann: recipe fig13: swann:densenet40 is a DenseNet; expected a single chain of layers\n",
    )
