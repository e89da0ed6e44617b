import json

import pytest
import torch

import swann

FAST = ("--model", "swann:mnist5", "--width", 0.5, "--epochs", 1, "--batch-size", 128, "--threads", 1)


def test_a_twin_is_trained_and_kept(run, tmp_path):
    code, out, err = run("train", *FAST, "--p", 0.5, "--out", "trained", "--accelerator", "cpu")
    assert code == 0, err
    assert "test error" in out
    files = {file.name for file in (tmp_path / "trained").iterdir()}
    assert {"history.json", "history.csv", "curves.png", "network.safetensors"} <= files
    assert swann.load(tmp_path / "trained" / "network.safetensors")(torch.zeros(1, 1, 8, 8)).shape == (1, 10)


def test_a_model_as_it_comes_and_a_converted_file(run, tmp_path):
    code, out, err = run("train", *FAST, "--out", "plain", "--accelerator", "cpu", "--json")
    assert code == 0, err
    assert json.loads(out)["evaluations"]
    assert "weight" in next(iter(torch.load(tmp_path / "plain" / "weights.pt", weights_only=True)))
    run("convert", "--model", "swann:mnist5", "--width", 0.5, "--image-size", 8, "--p", 0.4, "--out", "twin")
    arguments = ("--model", "twin/network.safetensors", *FAST[2:], "--accelerator", "cpu")
    code, _, err = run("train", *arguments, "--out", "trained")
    assert code == 0, err
    plan = swann.load(tmp_path / "trained" / "network.safetensors").plan
    assert plan == swann.load(tmp_path / "twin" / "network.safetensors").plan


def test_a_run_is_not_replaced_by_accident(run, tmp_path):
    assert run("train", *FAST, "--out", "trained", "--accelerator", "cpu")[0] == 0
    before = (tmp_path / "trained" / "history.json").read_text()
    code, _, err = run("train", *FAST, "--out", "trained", "--accelerator", "cpu")
    assert code == 2
    assert "--resume" in err
    assert "--overwrite" in err
    assert (tmp_path / "trained" / "history.json").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--p", -0.5), "p must be a number from 0 to 1, got -0.5"),
        (("--data", "mnits"), "did you mean 'mnist'"),
        (("--data", "mnist"), "--data-dir"),
        (("--data", "mnist", "--data-dir", "nowhere"), "nowhere"),
        (("--data", "folder:nowhere"), "nowhere"),
        (("--optimizer", "sdg"), "unknown 'sdg': did you mean 'sgd'"),
        (("--lr", -1), "lr"),
        (("--resume",), "nothing to resume"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(refused, arguments, message):
    assert message in refused("train", *FAST, *arguments, "--out", "trained")


def test_bad_files_are_one_line(refused, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"not a network")
    assert "bad.safetensors is truncated or not a safetensors file" in refused(
        "train", "--model", "bad.safetensors", "--out", "trained"
    )
    assert "there is no file none.safetensors" in refused("train", "--model", "none.safetensors", "--out", "trained")
