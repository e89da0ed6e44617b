import json

import pytest


def test_the_chain_and_its_figures_are_shown(run):
    code, out, _ = run("analyze", "--model", "swann:mnist5")
    assert code == 0
    assert "4: 5×5 conv 6 → 16 → BatchNorm2d → ReLU → MaxPool2d" in out
    assert "237 nodes, 12,942 edges" in out
    assert "142,110 weights" in out


def test_json_holds_the_same(run):
    _, out, err = run("analyze", "--model", "swann:mnist5", "--width", "0.5", "--json")
    found = json.loads(out)
    assert found["n_edges"] == 3 + 3 * 8 + 8 * 60 + 60 * 42 + 42 * 10
    assert found["counts"]["weights"] == 75 + 3 * 8 * 25 + 8 * 60 * 25 + 60 * 9 * 42 + 42 * 10
    assert not err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "swann:mnist"), "unknown model 'swann:mnist': did you mean 'mnist5'"),
        (("--model", "mnist5"), "name it as swann:NAME, torchvision:NAME or package.module:factory"),
        (("--model", "torchvision:densenet121", "--image-size", "64"), "layer 1 has 2 convolutions"),
        (("--model", "swann:convnet_c", "--image-size", "16"), "image_size"),
        (("--model", "swann:mnist5", "--width", "-1"), "width must be a positive number"),
    ],
)
def test_bad_input_is_one_line(refused, arguments, message):
    assert message in refused("analyze", *arguments)


def test_models_of_the_current_folder_are_found(run, tmp_path):
    (tmp_path / "local_nets.py").write_text(
        "from torch import nn\n"
        "def net(n_classes): return nn.Sequential(nn.Flatten(), nn.Linear(48, 9), nn.Linear(9, n_classes))\n"
    )
    arguments = ("--channels", 3, "--image-size", 4, "--classes", 5)
    code, out, err = run("analyze", "--model", "local_nets:net", *arguments)
    assert code == 0, err
    assert "62 nodes" in out


def test_a_densenet_is_shown_in_parts(run):
    code, out, err = run("analyze", "--model", "swann:densenet40", "--width", 0.25, "--image-size", 8)
    assert code == 0, err
    assert out.count("dense block, its first layer reading all of the input") == 3
    assert out.count(", S = ") == 3
    assert "1,053 weights, 1,137 parameters, 67,392 multiplications an image" in out
    assert "with all its connections the block has 7,290 weights, 466,560 multiplications an image" in out
    found = json.loads(run("analyze", "--model", "swann:densenet40", "--width", 0.25, "--json")[1])
    assert [part["chain"]["dense"] for part in found["parts"]] == [False, True] * 3 + [False]
    assert found["parts"][1]["dense_weights"] == 7290
