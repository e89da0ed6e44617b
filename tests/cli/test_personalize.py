import json

import pytest
import torch
from PIL import Image

import swann


@pytest.fixture
def saved(tmp_path):
    """Write a network that tells 4 classes apart, and colour images of 2 classes in folders."""
    model = torch.nn.Sequential(
        *(torch.nn.Conv2d(1, 6, 3, padding=1), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(384, 8)),
        *(torch.nn.ReLU(), torch.nn.Linear(8, 4)),
    )
    swann.save(swann.convert(model, torch.zeros(1, 1, 8, 8), 0.5, seed=0), tmp_path / "network.safetensors")
    for part, count in (("train", 20), ("test", 6)):
        for label, colour in (("dark", (40, 20, 30)), ("light", (200, 220, 230))):
            folder = tmp_path / "photos" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (9, 9), tuple(value + number for value in colour)).save(folder / f"{number}.png")
    return "network.safetensors", "--data", "folder:photos", "--batch-size", 8, "--threads", 1


def test_it_learns_the_users_classes(run, saved, tmp_path):
    before = (tmp_path / "network.safetensors").read_bytes()
    code, out, err = run("personalize", *saved, "--out", "mine", "--epochs", 8, "--lr", 0.05)
    assert code == 0, err
    assert "100.00% after, on 12 images; trained on 40 images" in out
    assert "peak memory" in out
    values = json.loads((tmp_path / "mine" / "personalize.json").read_text())
    assert values["after"] == 0
    assert values["environment"]["command"].startswith("swann personalize network.safetensors")
    assert {"history.json", "curves.png"} <= {file.name for file in (tmp_path / "mine").iterdir()}
    assert swann.load(tmp_path / "mine" / "network.safetensors")(torch.zeros(1, 1, 8, 8)).shape == (1, 4)
    assert (tmp_path / "network.safetensors").read_bytes() == before


def test_a_ceiling_that_was_not_kept_is_exit_code_1(run, saved, monkeypatch):
    monkeypatch.setattr("swann.experiments._personalize._largest_part", lambda *_: (4, 1))
    code, out, err = run("personalize", *saved, "--out", "mine", "--memory-limit", 1, "--epochs", 1, "--json")
    assert code == 1
    assert json.loads(out)["part"] == 4
    assert "the ceiling of 1 MB was not kept" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--memory-limit", 0), "--memory-limit: expected a number of MB above 0, found 0"),
        (("--layers", "first"), "unknown 'first'"),
        (("--image-size", 5), "the network reads images of 1×8×8"),
        (("--batch-size", 64), "batch_size: 64 is more than the 40 training images"),
        (("--resume",), "nothing to resume"),
    ],
)
def test_bad_input_is_one_line(refused, saved, arguments, message):
    assert message in refused("personalize", *saved, *arguments, "--out", "mine")


def test_a_ceiling_below_what_the_program_takes_is_refused(run, saved, tmp_path):
    code, _, err = run("personalize", *saved, "--out", "mine", "--memory-limit", 50)
    assert code == 2
    assert "memory_limit: the program, the network and the images take" in err
    assert "50 MB are allowed" in err
    assert not (tmp_path / "mine" / "network.safetensors").exists()
