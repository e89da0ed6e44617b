import sys
from typing import Annotated

import typer

from .. import __version__
from .._errors import SwannError
from ..experiments import InterruptedRunError
from ._analyze import analyze
from ._compare import compare_command
from ._convert import convert_command
from ._demo import demo
from ._reproduce import reproduce
from ._search import search_command
from ._train import train

app = typer.Typer(
    help="Rewire a feed-forward network into its small-world twin before training: as many weights, new long links.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("demo")(demo)
app.command("analyze")(analyze)
app.command("search")(search_command)
app.command("convert")(convert_command)
app.command("train")(train)
app.command("compare")(compare_command)
app.command("reproduce")(reproduce)


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
    """Run the command line; an expected error is one line and exit code 2, Ctrl-C is exit code 130."""
    try:
        app()
    except (SwannError, FileNotFoundError) as error:
        print(f"swann: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)
    except InterruptedRunError:
        print("swann: stopped; what was done is kept, go on with the same command and --resume", file=sys.stderr)
        sys.exit(130)
