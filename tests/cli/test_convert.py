import json

import pytest
import torch

import swann
from swann.nn import DenseNetPlan, Plan

MODEL = ("--model", "swann:mnist5", "--width", 0.5)


def test_the_twin_is_written_and_can_be_read(run, tmp_path):
    code, out, err = run("convert", *MODEL, "--p", 0.5, "--seed", 3, "--out", "twin")
    assert code == 0, err
    assert "small-worldness S" in out
    assert (tmp_path / "twin" / "densities.png").is_file()
    assert not (tmp_path / "twin" / "edges.png").exists()
    network = swann.load(tmp_path / "twin" / "network.safetensors")
    assert network(torch.zeros(1, 1, 28, 28)).shape == (1, 10)
    assert Plan.from_json(json.loads((tmp_path / "twin" / "plan.json").read_text())) == network.plan
    model = swann.models.mnist5(width=0.5, seed=3)
    expected = swann.convert(model, torch.zeros(1, 1, 28, 28), 0.5, seed=3)
    assert all(map(torch.equal, expected.parameters(), network.parameters()))


def test_an_earlier_network_is_not_replaced_by_accident(run, refused, tmp_path):
    assert run("convert", *MODEL, "--p", 0.5, "--out", "twin")[0] == 0
    before = (tmp_path / "twin" / "network.safetensors").read_bytes()
    line = refused("convert", *MODEL, "--p", 0.6, "--out", "twin")
    assert line == "swann: twin holds results already: replace them with --overwrite, or name another directory\n"
    assert (tmp_path / "twin" / "network.safetensors").read_bytes() == before
    assert run("convert", *MODEL, "--p", 0.6, "--out", "twin", "--overwrite")[0] == 0
    assert swann.load(tmp_path / "twin" / "network.safetensors").plan.rewiring.rewiring_probability == 0.6


RESIDUAL = """
from swann.models import resnet18

def net(image_size, n_classes):
    return resnet18(width=0.07, image_size=image_size, n_classes=n_classes)
"""


def test_shortcuts_that_are_left_out_are_named_once(run, tmp_path):
    (tmp_path / "nets.py").write_text(RESIDUAL)
    arguments = ("--model", "nets:net", "--image-size", 32, "--classes", 3)
    code, out, err = run("convert", *arguments, "--p", 0.5, "--out", "twin")
    assert code == 0, err
    assert err.splitlines()[0].startswith("nets:net: its 8 shortcuts are left out, as in the paper (4.add, 5.add_1, ")
    assert err.count("left out") == 1
    assert "left out, as in the paper: 8 shortcuts, added in 4.add" in out
    code, out, err = run("analyze", *arguments)
    assert (code, err) == (0, "")
    assert "left out, as in the paper: 8 shortcuts, added in 4.add" in out


def test_blocks_are_written(run, tmp_path):
    code, out, err = run("convert", *MODEL, "--p", 0.5, "--granularity", 4, "--out", "twin")
    assert code == 0, err
    assert "in blocks of 4×4 channels" in out
    assert swann.load(tmp_path / "twin" / "network.safetensors").plan.rewiring.granularity == 4
    assert json.loads((tmp_path / "twin" / "swann-run.json").read_text())["settings"]["granularity"] == 4


def test_without_p_the_search_comes_first(run, tmp_path):
    code, out, err = run("convert", *MODEL, "--out", "twin", "--json")
    assert code == 0, err
    assert "search.json, search.csv, search.png" in err
    assert json.loads(out)["before"]["weights"] == json.loads(out)["after"]["weights"]
    assert (tmp_path / "twin" / "search.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--p", 1.5), "p must be a number from 0 to 1, got 1.5"),
        (("--p", 0.5, "--order", "papers"), "unknown 'papers': did you mean 'paper'"),
        (("--p", 0.5, "--granularity", 0), "0 is not in the range x>=1"),
        (("--p", 0.5, "--granularity", "all"), "'all' is not a valid integer"),
        (("--p", 0.5, "--granularity", 64), "granularity 64 is too large: no hidden layer has more than 60"),
        (("--p", 0.5, "--draw", "layer"), "unknown 'layer': did you mean 'layers'"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(refused, arguments, message):
    assert message in refused("convert", *MODEL, *arguments, "--out", "twin")


def test_a_small_network_is_drawn(run, tmp_path):
    code, _, err = run("convert", "--model", "swann:mnist5", "--width", 0.07, "--p", 0.5, "--out", "small")
    assert code == 0, err
    assert (tmp_path / "small" / "edges.png").read_bytes().startswith(b"\x89PNG")


def test_a_full_disk_leaves_nothing_behind(refused, monkeypatch):
    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    line = refused("convert", *MODEL, "--p", 0.5, "--out", "twin")
    assert line == "swann: cannot write twin/swann-run.json: No space left on device\n"


def test_the_results_of_another_command_are_left_alone(run, refused):
    assert run("analyze", *MODEL, "--out", "found")[0] == 0
    line = refused("convert", *MODEL, "--p", 0.5, "--out", "found")
    assert line == "swann: found holds results of 'swann analyze'; name another directory\n"


DENSE = ("--model", "swann:densenet40", "--width", 0.25, "--image-size", 8)


def test_a_densenet_has_pictures_of_each_block(run, tmp_path):
    code, out, err = run("convert", *DENSE, "--p", 0.5, "--out", "twin")
    assert code == 0, err
    assert "dense block 3" in out
    files = {file.name for file in (tmp_path / "twin").iterdir()}
    pictures = {f"{name}-block-{number}.png" for name in ("densities", "edges") for number in (1, 2, 3)}
    assert files == {"network.safetensors", "plan.json", "summary.txt", "swann-run.json", *pictures}
    network = swann.load(tmp_path / "twin" / "network.safetensors")
    assert DenseNetPlan.from_json(json.loads((tmp_path / "twin" / "plan.json").read_text())) == network.plan
    assert (tmp_path / "twin" / "summary.txt").read_text().count("links (edges, share of the possible ones):") == 3
    model = swann.models.densenet40(width=0.25, image_size=8)
    expected = swann.convert(model, torch.zeros(1, 3, 8, 8), 0.5)
    assert all(map(torch.equal, expected.parameters(), network.parameters()))


def test_p_is_searched_for_each_block(run, tmp_path):
    code, out, err = run("convert", *DENSE, "--out", "twin", "--json")
    assert code == 0, err
    searches = [json.loads((tmp_path / "twin" / f"search-block-{number}.json").read_text()) for number in (1, 2, 3)]
    assert [len(search["probabilities"]) for search in searches] == [21] * 3
    blocks = swann.load(tmp_path / "twin" / "network.safetensors").plan.blocks
    assert json.loads(out)["probabilities"] == [block.rewiring.rewiring_probability for block in blocks]
