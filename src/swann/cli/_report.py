from pathlib import Path
from typing import Annotated

import typer

from ..report import write_report
from ._console import note
from ._options import Overwrite

RunDirectories = Annotated[
    list[Path],
    typer.Argument(
        help="Directories that swann's commands wrote (their --out)", metavar="RUN_DIR…", show_default=False
    ),
]
Page = Annotated[Path, typer.Option("--out", help="The page; its figures go to a folder beside it", metavar="FILE")]


def report_command(
    run_directories: RunDirectories, out: Page = Path("report.html"), overwrite: Overwrite = False
) -> None:
    """Make one HTML page of results: architecture, small-worldness, convergence, speed, costs, settings and command.

    The page is a single file that needs no network. Its figures are also written as SVG, PNG and CSV into a folder
    beside it, named after the page with -figures.

    Example: swann report runs/convert runs/compare --out report.html
    """
    written = write_report(run_directories, out, overwrite=overwrite)
    for path, parts in written.missing.items():
        if parts:
            note(f"{path}: left out: {', '.join(part.partition(' (')[0] for part in parts)}")
    note(
        f"written to {written.path} ({written.n_bytes / 1000:,.0f} kB), and {written.n_files} files in {written.folder}"
    )
