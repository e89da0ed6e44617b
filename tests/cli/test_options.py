import inspect

import pytest

from swann.cli._analyze import analyze
from swann.cli._compare import compare_command
from swann.cli._convert import convert_command
from swann.cli._search import search_command
from swann.cli._train import train


@pytest.mark.parametrize("command", [analyze, search_command, convert_command, train, compare_command])
def test_every_command_takes_a_model_and_a_seed_and_can_print_json(command):
    assert {"model", "seed", "as_json"} <= inspect.signature(command).parameters.keys()


@pytest.mark.parametrize("command", [search_command, convert_command, train, compare_command])
def test_every_command_that_rewires_can_move_blocks(command):
    assert inspect.signature(command).parameters["granularity"].default == 1


@pytest.mark.parametrize("option", ["--draw", "--order"])
def test_choices_are_shown_in_the_help(run, option):
    _, out, _ = run("convert", "--help")
    assert option in out
    assert "paper" in out
    assert "layers" in out
