import json
import signal

import pytest
import torch
from PIL import Image

import swann
from swann.train._run import Run

FAST = ("--model", "swann:mnist5", "--width", 0.5, "--epochs", 1, "--batch-size", 128, "--threads", 1)


def test_a_twin_is_trained_and_kept(run, tmp_path):
    arguments = ("--p", 0.5, "--granularity", 2, "--out", "trained", "--accelerator", "cpu")
    code, out, err = run("train", *FAST, *arguments)
    assert code == 0, err
    assert "test error" in out
    files = {file.name for file in (tmp_path / "trained").iterdir()}
    assert {"history.json", "history.csv", "curves.png", "network.safetensors"} <= files
    network = swann.load(tmp_path / "trained" / "network.safetensors")
    assert network(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
    assert network.plan.rewiring.granularity == 2


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
        (("--p", 0.5, "--granularity", 64), "granularity 64 is too large: no hidden layer has more than 60"),
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
    assert "there is no file none.safetensors; networks near it: bad.safetensors" in refused(
        "train", "--model", "none.safetensors", "--out", "trained"
    )
    (tmp_path / "net" / "deep").mkdir(parents=True)
    (tmp_path / "net" / "deep" / "network.safetensors").touch()
    line = "is a directory; name the file of a network in it; networks near it: net/deep/network.safetensors"
    assert f"net {line}" in refused("train", "--model", "net", "--out", "trained")
    assert f"net/deep {line}" in refused("train", "--model", "net/deep", "--out", "trained")
    (tmp_path / "d.safetensors").mkdir()
    line = refused("train", "--model", "d.safetensors", "--out", "trained")
    assert "d.safetensors is a directory; name the file of a network in it, which swann convert and swann train" in line


def test_a_real_ctrl_c_and_resume_end_with_the_weights_of_a_run_in_one_go(run, tmp_path, monkeypatch):
    arguments = ("train", *FAST, "--epochs", 2, "--accelerator", "cpu", "--p", 0.5)
    step, steps = Run.step, []

    def press(self, *rest):
        steps.append(1)
        if len(steps) == 7:
            signal.raise_signal(signal.SIGINT)
        return step(self, *rest)

    monkeypatch.setattr(Run, "step", press)
    code, out, err = run(*arguments, "--out", "stopped")
    assert (code, out) == (130, "")
    assert err == "swann: stopped; what was done is kept, go on with the same command and --resume\n"
    assert {file.name for file in (tmp_path / "stopped").iterdir()} == {"checkpoint-network.ckpt", "swann-run.json"}
    code, _, err = run(*arguments, "--lr", 0.5, "--out", "stopped", "--resume")
    assert code == 2
    assert "it was run with training.optimizer.lr = 1.0, now it is 0.5" in err
    assert run(*arguments, "--out", "stopped", "--resume")[0] == 0
    assert len(steps) == 22
    assert run(*arguments, "--out", "whole")[0] == 0
    resumed, whole = (swann.load(tmp_path / name / "network.safetensors") for name in ("stopped", "whole"))
    assert all(map(torch.equal, resumed.state_dict().values(), whole.state_dict().values()))


def test_a_disk_that_is_full_at_the_end_of_training_is_one_line(run, tmp_path, monkeypatch):
    monkeypatch.setattr("swann.cli._train.write_text", full_disk)
    code, out, err = run("train", *FAST, "--accelerator", "cpu", "--out", "trained")
    assert (code, out, err) == (2, "", "swann: cannot write history.csv: No space left on device\n")
    assert (tmp_path / "trained" / "checkpoint-network.ckpt").exists()


def full_disk(path, text):
    raise swann.OutputError(f"cannot write {path.name}: No space left on device")


def test_the_twin_of_a_densenet_is_trained_and_trained_on(run, tmp_path):
    fast = ("--epochs", 1, "--batch-size", 512, "--threads", 1, "--accelerator", "cpu")
    code, _, err = run("train", "--model", "swann:densenet40", "--width", 0.1, "--p", 0.9, *fast, "--out", "first")
    assert code == 0, err
    code, _, err = run("train", "--model", "first/network.safetensors", *fast, "--out", "second")
    assert code == 0, err
    plans = [swann.load(tmp_path / folder / "network.safetensors").plan for folder in ("first", "second")]
    assert plans[0] == plans[1]
    assert isinstance(plans[0], swann.DenseNetPlan)


def test_training_ends_at_the_target_error_with_logs_of_each_evaluation(run, tmp_path):
    arguments = ("--model", "swann:mnist5", "--width", 0.5, "--epochs", 30, "--batch-size", 128, "--threads", 1)
    options = ("--accelerator", "cpu", "--accumulate", 2, "--target-error", 0.5, "--tensorboard", "--json")
    code, out, err = run("train", *arguments, *options, "--out", "trained")
    assert code == 0, err
    evaluations = json.loads(out)["evaluations"]
    assert evaluations[-1]["test_error"] <= 0.5
    assert all(at["test_error"] > 0.5 for at in evaluations[:-1])
    assert len(evaluations) < 30
    assert len((tmp_path / "trained" / "history.csv").read_text().splitlines()) == len(evaluations) + 1
    assert list((tmp_path / "trained" / "tensorboard").glob("events.out.tfevents.*"))


def test_a_small_folder_of_images_is_trained_in_smaller_batches(run, tmp_path):
    for part, count in (("train", 20), ("test", 2)):
        for label in ("a", "b"):
            folder = tmp_path / "photos" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (16, 16), (number, 0, 200 * (label == "a"))).save(folder / f"{number}.png")
    arguments = ("train", "--model", "swann:mnist5", "--width", 0.5, "--epochs", 1, "--threads", 1)
    arguments += ("--data", "folder:photos", "--accelerator", "cpu", "--out", "trained")
    code, _, err = run(*arguments)
    assert code == 0, err
    assert err.startswith("batches of 32, as there are 40 training images; see --batch-size\n")
    settings = json.loads((tmp_path / "trained" / "swann-run.json").read_text())["settings"]
    assert settings["training"]["batch_size"] == 32
    assert "trained holds a run already" in run(*arguments, "--batch-size", 64)[2]
    assert "64 is more than the 40 training images" in run(*arguments, "--batch-size", 64, "--overwrite")[2]
    assert (tmp_path / "trained" / "history.json").is_file()


def test_corrupt_images_are_counted(run, refused, tmp_path):
    for part, count in (("train", 8), ("test", 2)):
        for label in ("a", "b"):
            folder = tmp_path / "photos" / part / label
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (16, 16), (number, 0, 200 * (label == "a"))).save(folder / f"{number}.png")
    (tmp_path / "photos" / "train" / "a" / "3.png").write_bytes(b"no image")
    arguments = ("--model", "swann:mnist5", "--width", 0.5, "--epochs", 1, "--batch-size", 8, "--threads", 1)
    arguments += ("--data", "folder:photos", "--accelerator", "cpu")
    assert "3.png: cannot be read as an image" in refused("train", *arguments, "--out", "trained")
    code, _, err = run("train", *arguments, "--skip-corrupt", "--out", "trained")
    assert code == 0, err
    assert "left out 1 image that cannot be read: photos/train/a/3.png: cannot be read as an image" in err
