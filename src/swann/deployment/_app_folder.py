"""The folder that `flwr run` sends to the SuperLink."""

import dataclasses
import json
import os
from pathlib import Path

from .. import __version__
from .._errors import OutputError
from .._files import write_text
from ._settings import ServerSettings

_MODULE = '''"""The two halves of the app; swann is installed on the machines that run them."""

from swann.deployment import client, server

__all__ = ["client", "server"]
'''

_PROJECT = """# For `flwr run`; written by `swann federated app`.

[project]
name = "swann-federated"
version = "{version}"
description = "Federated training of a small-world network"
license = "Apache-2.0"
dependencies = [] # swann is installed on the machines already

[tool.flwr.app]
publisher = "swann"

[tool.flwr.app.components]
serverapp = "swann_app:server"
clientapp = "swann_app:client"

# Each may be given anew: flwr run … --run-config 'rounds=20 p=0.5 out="runs/twin"'
[tool.flwr.app.config]
{keys}
"""


def write_app(folder: str | os.PathLike[str]) -> Path:
    """Write the app into a folder that is new or empty, with all keys of the run config; return the folder.

    Raises:
        OutputError: the folder holds something, or cannot be written to.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        found = sorted(folder.iterdir())
    except OSError as error:
        raise OutputError(f"cannot write the app to {folder}: {error.strerror or error}") from error
    if found:
        raise OutputError(f"{folder} is not empty (it holds {found[0].name}); name another folder for the app")
    write_text(folder / "swann_app.py", _MODULE)
    write_text(folder / "pyproject.toml", _PROJECT.format(version=__version__, keys="\n".join(_lines())))
    return folder


def _lines() -> list[str]:
    """Return a line of TOML for each key: the default, and what it means."""
    found = []
    for field in dataclasses.fields(ServerSettings):
        value = json.dumps("" if field.default is None else field.default)
        found.append(f"{field.name.replace('_', '-')} = {value} # {field.metadata['comment']}")
    return found
