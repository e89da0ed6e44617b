import contextlib
import os
import re
import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import click
import typer

from .. import __version__
from .._errors import LeftOutWarning, SwannError
from ._lazy import LazyCommand

_WRONG = 2
"""Exit code for bad input."""

COMMANDS = (
    (
        "demo",
        "_demo:demo",
        "Show the whole way on real handwritten digits: search, conversion, training of both, the table.",
    ),
    (
        "analyze",
        "_analyze:analyze",
        "Show the chain of layers that a model consists of, its graph and how small-world it is as it stands.",
    ),
    (
        "search",
        "_search:search_command",
        "Rewire a model with a range of probabilities and find the one that makes it most small-world.",
    ),
    ("convert", "_convert:convert_command", "Turn a model into its small-world twin, with new weights, and save it."),
    (
        "train",
        "_train:train",
        "Train one network: a model as it comes, its small-world twin (with --p), or a converted file.",
    ),
    (
        "compare",
        "_compare:compare_command",
        "Train a model and its small-world twin alike, and say how many iterations each takes to the same test error.",
    ),
    (
        "personalize",
        "_personalize:personalize_command",
        "Fine-tune a saved small-world network on your own images, on the CPU, under a ceiling of memory.",
    ),
    (
        "bench",
        "_bench:bench_command",
        "Measure how fast a model and its small-world twin run on this machine's CPU, in turn, and what memory they "
        "take.",
    ),
    (
        "calibrate",
        "_calibrate:calibrate_command",
        'Measure once what links take on this processor, so that backend "auto" chooses well for each link.',
    ),
    (
        "reproduce",
        "_reproduce:reproduce",
        "Repeat an experiment of the paper from its recipe, and print its figures beside ours.",
    ),
    (
        "study",
        "_study:study_command",
        "Train networks that differ in one thing each, and give the effect of each on convergence with its interval.",
    ),
    (
        "report",
        "_report:report_command",
        "Make one HTML page of results: architecture, small-worldness, convergence, speed, costs, settings and "
        "command.",
    ),
)
"""Name, where it is, and its line in the list."""

FEDERATED = (
    (
        "simulate",
        "_federated:simulate_command",
        "Train one network as a server and many clients would, on this machine: a model, its twin (--p), or a file.",
    ),
    (
        "app",
        "_deployment:app_command",
        "Write the Flower app that 'flwr run' starts, with all settings of a run and their defaults.",
    ),
    (
        "node",
        "_deployment:node_command",
        "Train on this machine's images for a SuperLink: a Flower SuperNode and a process that stays ready.",
    ),
    (
        "gate",
        "_deployment:gate_command",
        "Let nodes on other machines reach a SuperLink on this one, and nothing else of it.",
    ),
)
"""The commands of `swann federated`."""

_app = typer.Typer(
    help="Rewire a feed-forward network into its small-world twin before training: as many weights, new long links.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _version(value: bool) -> None:
    if value:
        print(f"swann {__version__}")
        raise typer.Exit


@_app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version")
    ] = False,
) -> None:
    del version


def _group(found: typer.Typer, commands: Iterable[tuple[str, str, str]]) -> click.Group:
    """Return Typer's group with its help and options, and commands that are imported when they are run."""
    group = typer.main.get_group(found)
    for command in commands:
        group.add_command(LazyCommand(*command))
    return group


app = _group(_app, COMMANDS)
_federated = typer.Typer(name="federated", no_args_is_help=True, help="Federated learning on Flower.")
app.add_command(_group(_federated, FEDERATED), "federated")


def main() -> None:
    """Run the command line; bad input is one line on stderr and exit code 2, Ctrl-C is exit code 130."""
    try:
        with _warnings_as_notes():
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


@contextlib.contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Say once, and in a line without a place in the code, what a network is converted without."""
    said: set[str] = set()
    with warnings.catch_warnings():
        warnings.simplefilter("always", LeftOutWarning)
        before = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if not issubclass(category, LeftOutWarning):
                before(message, category, *place, **more)
            elif str(message) not in said:
                from ._console import note

                said.add(str(message))
                note(str(message))

        warnings.showwarning = show
        yield


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
