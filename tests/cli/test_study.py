import json

import pytest

STUDY = """
title = "What helps?"
model = "swann:mnist5"
data = "digits"
seeds = 2
width = 0.5
train_images = 200
test_images = 40
errors = [0.95]
[training]
iterations = 4
batch_size = 16
evaluate_every = 2
accelerator = "cpu"
optimizer = { name = "sgd", lr = 0.05 }
[networks]
twin = { p = 0.5 }
"""


@pytest.fixture
def study(tmp_path):
    (tmp_path / "mine.toml").write_text(STUDY)
    return ("study", "mine.toml", "--threads", 1)


def test_effects_are_written_and_done_runs_are_kept(run, study, tmp_path):
    code, out, err = run(*study, "--json")
    assert code == 0, err
    assert [effect["network"] for effect in json.loads(out)] == ["control", "twin"]
    folder = tmp_path / "runs" / "study-mine"
    assert json.loads((folder / "study.json").read_text()) == json.loads(out)
    page = (folder / "study.md").read_text()
    assert "validation: 0.2 of the training images" in page
    assert "- Command: `swann study mine.toml --threads 1 --json`" in page
    assert len(list(folder.glob("history-*.json"))) == 4
    (folder / "history-twin-1.json").unlink()
    before = (folder / "history-twin-0.json").stat().st_mtime_ns
    code, out, err = run(*study, "--resume")
    assert code == 0, err
    assert "control" in out
    assert "twin" in out
    assert (folder / "history-twin-1.json").is_file()
    assert (folder / "history-twin-0.json").stat().st_mtime_ns == before


def test_networks_may_be_trained_at_different_times(run, study, tmp_path):
    (tmp_path / "mine.toml").write_text(STUDY + "other = { p = 1.0 }\n")
    code, out, err = run(*study, "--seeds", 1, "--network", "other", "--json")
    assert code == 0, err
    assert [effect["network"] for effect in json.loads(out)] == ["control", "other"]
    code, out, err = run(*study, "--seeds", 1, "--resume", "--json")
    assert code == 0, err
    assert [effect["network"] for effect in json.loads(out)] == ["control", "twin", "other"]


def test_the_test_images_are_used_only_if_asked(run, study, tmp_path):
    code, _, err = run(*study, "--seeds", 1, "--test", "--out", "on_test")
    assert code == 0, err
    page = (tmp_path / "on_test" / "study.md").read_text()
    assert "validation" not in page
    assert "200 training, 40 test images" in page


def test_a_smaller_set_is_taken_when_told_so_and_the_page_says_so(run, study, tmp_path):
    shorter = ("--train-images", 100, "--iterations", 2, "--batch-size", 8, "--seeds", 1)
    code, _, err = run(*study, *shorter)
    assert code == 0, err
    page = (tmp_path / "runs" / "study-mine" / "study.md").read_text()
    assert "digits (subset: 100 training, 40 test images" in page
    changes = "seeds 1 (there 2), train_images 100 (there 200), training.batch_size 8 (there 16)"
    assert f"- Not as the study is written: {changes}, training.iterations 2 (there 4)\n" in page


def test_the_help_says_which_data_a_study_wants(run):
    out = " ".join(run("study", "--help")[1].replace("│", " ").split())
    assert "folder:imagenette: resnet18, resnet18-rates; mnist: mlp, mlp-claim" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("study", "mnist"), "unknown study 'mnist': did you mean 'mnist5'"),
        (("study", "mine.toml", "--network", "twins"), "the study has no network 'twins': did you mean 'twin'"),
        (("study", "none.toml"), "there is no file none.toml"),
        (("study", "mine.toml", "--data", "nothing"), "unknown dataset 'nothing'"),
        (("study", "plain20"), "study plain20 wants cifar10; or give others with --data: dataset 'cifar10': no folder"),
        (
            ("study", "mnist5", "--data", "digits"),
            "study mnist5 takes 12,000 train images and digits has 1,437; take fewer with --train-images 1437",
        ),
        (
            ("study", "mine.toml", "--test", "--test-images", 999),
            "study mine takes 999 test images and digits has 360; take fewer with --test-images 360",
        ),
        (("study", "mine.toml", "--batch-size", 500), "500 is more than the 160 training images"),
        (("study", "mine.toml", "--resume"), "nothing to resume"),
    ],
)
def test_bad_input_is_one_line(refused, study, arguments, message):
    assert message in refused(*arguments)
