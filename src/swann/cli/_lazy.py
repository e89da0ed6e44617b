"""Commands whose modules are imported when they are run."""

import functools
import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any, get_type_hints

import click
import typer

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


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
        if command.callback is not None:
            command.callback = _stoppable(command.callback)
        return command

    def make_context(self, *arguments: Any, **named: Any) -> click.Context:
        """Return the context of the command itself: click invokes what the context names."""
        return self.load().make_context(*arguments, **named)


def _stoppable(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Make Ctrl-C a line and exit code 130, where a command says nothing of it itself."""

    @functools.wraps(callback)
    def call(*arguments: Any, **named: Any) -> Any:
        try:
            return callback(*arguments, **named)
        except KeyboardInterrupt:
            print("swann: stopped", file=sys.stderr)
            raise typer.Exit(INTERRUPTED) from None

    return call


def _explain_arguments(command: click.Command, function: Callable[..., Any]) -> None:
    """Give arguments the help that they are declared with, which Typer loses with click 8.5."""
    hints = get_type_hints(function, include_extras=True)
    for parameter in command.params:
        if isinstance(parameter, click.Argument) and parameter.name is not None:
            for found in getattr(hints[parameter.name], "__metadata__", ()):
                if isinstance(found, typer.models.ArgumentInfo):
                    parameter.help = found.help


def _joined(docstring: str | None) -> str:
    """Return a docstring with the lines of each paragraph joined."""
    paragraphs = inspect.cleandoc(docstring or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
