import json

import pytest

from swann import OutputError
from swann.experiments import MARKER, RunDirectory

SETTINGS = {"p": 0.5, "seeds": (1, 2)}


def test_a_new_directory_says_what_was_run(tmp_path):
    directory = RunDirectory(tmp_path / "a" / "b", SETTINGS)
    marker = json.loads((directory / MARKER).read_text())
    assert marker["settings"] == {"p": 0.5, "seeds": [1, 2]}
    assert {"command", "commit", "machine", "versions", "date"} <= marker.keys()


def test_an_empty_directory_may_be_used(tmp_path):
    RunDirectory(tmp_path, SETTINGS).make()
    assert (tmp_path / MARKER).is_file()


def test_what_is_not_ours_is_refused_and_untouched(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match=r"was not made by swann \(it holds thesis.tex, but no swann-run.json\)"):
        RunDirectory(tmp_path, SETTINGS, overwrite=True)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]
    with pytest.raises(OutputError, match=r"thesis\.tex is a file; name a directory"):
        RunDirectory(tmp_path / "thesis.tex", SETTINGS)


def test_runs_are_kept_unless_they_are_to_be_replaced(tmp_path):
    directory = RunDirectory(tmp_path / "runs", SETTINGS, resumable=True)
    (directory / "history-twin-0.json").write_text("{}")
    (directory / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds a run already: go on with --resume, or replace it with --overwrite"):
        RunDirectory(directory.path, SETTINGS, resumable=True)
    RunDirectory(directory.path, SETTINGS, resumable=True, resume=True)
    assert (directory / "history-twin-0.json").is_file()
    RunDirectory(directory.path, SETTINGS, resumable=True, overwrite=True).make()
    assert not (directory / "history-twin-0.json").exists()
    assert (directory / "notes.txt").read_text() == "mine"


def test_results_of_a_command_that_cannot_go_on_are_kept_too(tmp_path):
    directory = RunDirectory(tmp_path / "found", SETTINGS)
    (directory / "search.json").write_text("{}")
    (directory / "network.safetensors").write_text("weights")
    message = "found holds results already: replace them with --overwrite, or name another directory"
    with pytest.raises(OutputError, match=message):
        RunDirectory(directory.path, SETTINGS)
    replaced = RunDirectory(directory.path, SETTINGS | {"p": 0.6}, overwrite=True)
    assert {file.name for file in directory.path.iterdir()} == {MARKER, "network.safetensors", "search.json"}
    (replaced / "network.safetensors").write_text("other weights")
    assert {file.name for file in directory.path.iterdir()} == {MARKER, "network.safetensors"}
    assert json.loads((replaced / MARKER).read_text())["settings"]["p"] == 0.6


def test_a_run_with_other_settings_is_not_resumed(tmp_path):
    RunDirectory(tmp_path / "runs", SETTINGS).make()
    with pytest.raises(OutputError, match="it was run with p = 0.5, now it is 0.6; use the same settings"):
        RunDirectory(tmp_path / "runs", SETTINGS | {"p": 0.6}, resume=True)
    with pytest.raises(OutputError, match="nothing to resume: .* holds no run"):
        RunDirectory(tmp_path / "none", SETTINGS, resume=True)
    assert not (tmp_path / "none").exists()
    (tmp_path / "runs" / MARKER).write_text("damaged")
    with pytest.raises(OutputError, match="is damaged; start anew with --overwrite"):
        RunDirectory(tmp_path / "runs", SETTINGS, resume=True)


def test_what_may_grow_is_resumed_with_more_and_not_with_less(tmp_path):
    def settings(rounds, p=0.5):
        return {"p": p, "iid": {"config": {"rounds": rounds}}}

    made = json.loads((RunDirectory(tmp_path / "runs", settings(40)) / MARKER).read_text())
    with pytest.raises(OutputError, match="it was run with iid.config.rounds = 40, now it is 90"):
        RunDirectory(tmp_path / "runs", settings(90), resume=True)
    with pytest.raises(OutputError, match="it was run with p = 0.5, now it is 0.6"):
        RunDirectory(tmp_path / "runs", settings(90, p=0.6), resume=True, may_grow="rounds")
    grown = RunDirectory(tmp_path / "runs", settings(90), resume=True, may_grow="rounds")
    assert json.loads((grown / MARKER).read_text()) == made | {"settings": settings(90)}
    with pytest.raises(OutputError, match="it was run with iid.config.rounds = 90, now it is 40"):
        RunDirectory(tmp_path / "runs", settings(40), resume=True, may_grow="rounds")


def test_nothing_is_made_before_the_first_result_and_nothing_is_left_of_a_failure(tmp_path):
    RunDirectory(tmp_path / "a" / "runs", SETTINGS)
    assert not (tmp_path / "a").exists()

    def fail():
        with RunDirectory(tmp_path / "a" / "runs", SETTINGS) as directory:
            directory.make()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert not (tmp_path / "a").exists()
