"""Commands whose modules are imported when they are run."""

import importlib
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import click
import typer


class LazyCommand(click.Command):
    """A command of which the list of commands shows a line, and whose module is imported when it is called.

    `swann --help` and a command that computes nothing then take a fraction of a second, not the seconds that PyTorch
    takes to import.

    Args:
        name: of the command.
        where: `module:function` in this package; the function's docstring is the help of the command.
        line: for the list of commands, the first paragraph of that docstring.
    """

    def __init__(self, name: str, where: str, line: str) -> None:
        super().__init__(name, help=line)
        self._where = where

    def load(self) -> click.Command:
        """Import the module and return the command itself."""
        module, _, function = self._where.partition(":")
        found = getattr(importlib.import_module(f"{__package__}.{module}"), function)
        app = typer.Typer(add_completion=False)
        app.command(self.name, help=_joined(found.__doc__))(found)
        command = typer.main.get_command(app)
        _explain_arguments(command, found)
        return command

    def make_context(self, *arguments: Any, **named: Any) -> click.Context:
        """Return the context of the command itself: click invokes what the context names."""
        return self.load().make_context(*arguments, **named)


def _explain_arguments(command: click.Command, function: Callable[..., Any]) -> None:
    """Give arguments the help that they are declared with, which Typer loses with click 8.5."""
    hints = get_type_hints(function, include_extras=True)
    for parameter in command.params:
        if isinstance(parameter, click.Argument) and parameter.name is not None:
            for found in getattr(hints[parameter.name], "__metadata__", ()):
                if isinstance(found, typer.models.ArgumentInfo):
                    parameter.help = found.help  # type: ignore[attr-defined]


def _joined(docstring: str | None) -> str:
    """Return a docstring with the lines of each paragraph joined."""
    paragraphs = inspect.cleandoc(docstring or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
