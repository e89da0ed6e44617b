import json
import platform
import subprocess

from swann.experiments import environment


def test_a_result_can_be_traced_to_what_made_it(monkeypatch):
    monkeypatch.setattr("sys.argv", ["/somewhere/swann", "compare", "--seeds", "3"])
    found = environment()
    assert found["command"] == "swann compare --seeds 3"
    assert found["versions"]["python"] == platform.python_version()
    assert found["versions"]["torch"]
    assert found["machine"]["cores"] >= 1
    assert json.loads(json.dumps(found)) == found


def test_the_command_can_be_pasted_into_a_shell(monkeypatch):
    monkeypatch.setattr("sys.argv", ["swann", "train", "--data", "folder:my photos"])
    assert environment()["command"] == "swann train --data 'folder:my photos'"


def test_a_package_in_the_checkout_of_something_else_has_no_commit(tmp_path, monkeypatch):
    git = ("git", "-C", tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "other")):
        subprocess.run([*git, *arguments], check=True)
    monkeypatch.setattr("swann.experiments._environment.__file__", str(tmp_path / "_environment.py"))
    assert environment()["commit"] is None
