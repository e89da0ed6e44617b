import subprocess
import sys

import click
import pytest

from swann.cli._app import COMMANDS, FEDERATED, app
from swann.cli._lazy import LazyCommand

ALL = [LazyCommand(*command) for command in (*COMMANDS, *FEDERATED)]


@pytest.mark.parametrize("command", ALL, ids=lambda command: command.name)
def test_the_line_in_the_list_is_the_first_paragraph_of_the_help(command):
    loaded = command.load()
    assert loaded.name == command.name
    assert loaded.help.split("\n\n")[0] == command.help


def test_arguments_are_explained():
    loaded = next(command for command in ALL if command.name == "personalize").load()
    helps = {parameter.name: parameter.help for parameter in loaded.params}
    assert helps["network"] == "A network.safetensors file of convert, train or federated"
    assert all(helps.values())


def test_a_mistyped_command_is_answered_with_near_ones():
    with pytest.raises(click.UsageError, match=r"Did you mean 'convert'\?"):
        app.main(["convrt"], standalone_mode=False)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["federated", "--help"], ["federated", "gate", "--help"]],
    ids=" ".join,
)
def test_what_computes_nothing_does_not_import_torch(arguments):
    program = (
        f"import sys; sys.argv = ['swann', *{arguments}]\n"
        "from swann.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "print([name for name in ('torch', 'numba', 'flwr') if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout
