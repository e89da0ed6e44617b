"""Run the command line with `python -m swann`."""

from .cli import main

main()
