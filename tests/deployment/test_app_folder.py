import dataclasses
import tomllib

import pytest
from flwr.cli.config_utils import load_and_validate

from swann._errors import OutputError
from swann.deployment import ServerSettings, write_app


def test_the_app_is_one_that_flower_accepts_and_names_every_key_with_its_default(tmp_path):
    folder = write_app(tmp_path / "app")
    _, warnings = load_and_validate(folder / "pyproject.toml")
    assert not warnings
    config = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["flwr"]["app"]["config"]
    assert ServerSettings.of(config) == ServerSettings()
    assert len(config) == len(dataclasses.fields(ServerSettings))


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"is not empty \(it holds notes.txt\); name another folder for the app"):
        write_app(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
