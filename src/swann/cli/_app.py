import inspect
import os
import re
import sys
from collections.abc import Callable
from typing import Annotated, Any

import click
import typer

from .. import __version__
from .._errors import SwannError
from ._analyze import analyze
from ._bench import bench_command
from ._calibrate import calibrate_command
from ._compare import compare_command
from ._convert import convert_command
from ._demo import demo
from ._deployment import app_command, gate_command, node_command
from ._federated import simulate_command
from ._personalize import personalize_command
from ._report import report_command
from ._reproduce import reproduce
from ._search import search_command
from ._study import study_command
from ._train import train

_WRONG = 2
"""Exit code for bad input."""

app = typer.Typer(
    help="Rewire a feed-forward network into its small-world twin before training: as many weights, new long links.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


federated = typer.Typer(no_args_is_help=True, help="Federated learning on Flower.")


def _add(name: str, function: Callable[..., Any], to: typer.Typer = app) -> None:
    """Add a command; its docstring is the help, with the lines of each paragraph joined."""
    paragraphs = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    to.command(name, help="\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs))(function)


_add("demo", demo)
_add("analyze", analyze)
_add("search", search_command)
_add("convert", convert_command)
_add("train", train)
_add("compare", compare_command)
_add("personalize", personalize_command)
_add("bench", bench_command)
_add("calibrate", calibrate_command)
_add("reproduce", reproduce)
_add("study", study_command)
_add("report", report_command)
_add("simulate", simulate_command, federated)
_add("app", app_command, federated)
_add("node", node_command, federated)
_add("gate", gate_command, federated)
app.add_typer(federated, name="federated")


def _version(value: bool) -> None:
    if value:
        print(f"swann {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit code 2, Ctrl-C is exit code 130."""
    try:
        code = app(prog_name="swann", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        message = re.sub(r"( Did you mean [^?]*\?)\1", r"\1", error.format_message())  # click and typer both ask
        code = _refuse(message, getattr(error, "ctx", None))
    except BrokenPipeError:  # the reader of a pipe went away
        code = _give_up_stdout()
    except SwannError as error:
        code = _refuse(str(error))
    except OSError as error:
        place = f" {error.filename}" if error.filename else ""
        code = _refuse(f"cannot read or write{place}: {error.strerror}" if error.strerror else str(error))
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(message: str, context: click.Context | None = None) -> int:
    """Say in one line what is wrong; without a message the help was printed already."""
    if message:
        hint = f" See '{context.command_path} --help'." if context is not None else ""
        print(f"swann: {' '.join(message.split())}{hint}", file=sys.stderr)
    try:
        sys.stdout.flush()
    except OSError:
        _give_up_stdout()
    return _WRONG


def _give_up_stdout() -> int:
    """Send what is left of the output nowhere, so that Python does not complain about it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1
