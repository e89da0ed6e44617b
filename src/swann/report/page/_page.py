"""The page and the files beside it."""

import base64
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from ... import __version__
from ..._errors import InvalidValueError, OutputError
from ..._files import replacing, write_text
from ._parts import Figure, Section, printable
from ._run_files import RunFiles, read_run
from ._sections import missing, sections
from ._style import SERIES, SERIES_IN_THE_DARK, css_dashes, marker
from ._svg import Drawing, draw

MOST_BYTES = 2_000_000
"""Size of a page."""
_MOST_POINTS = (80, 40, 20, 10)
"""Of a curve, tried one after the other until the page is small enough."""
_GENERATOR = '<meta name="generator" content="swann'


@dataclass(frozen=True)
class Report:
    """What was written.

    Args:
        path: of the page.
        n_bytes: its size.
        folder: with the figures' files.
        n_files: how many these are.
        missing: by directory, the parts that its page lacks.
    """

    path: Path
    n_bytes: int
    folder: Path
    n_files: int
    missing: dict[Path, tuple[str, ...]]


@dataclass(frozen=True)
class _Run:
    """A directory on the page."""

    slug: str
    files: RunFiles
    sections: list[Section]
    missing: tuple[str, ...]


def write_report(
    directories: Sequence[str | os.PathLike[str]], path: str | os.PathLike[str], *, overwrite: bool = False
) -> Report:
    """Write one HTML page about the results in directories, and its figures as SVG, PNG and CSV in a folder beside it.

    The page is one file of less than 2 MB: style, script and drawings are in it, and it loads nothing.

    Args:
        directories: that commands wrote.
        path: of the page; the folder has the same name with `-figures` in the place of the suffix.
        overwrite: replace a page that is there.

    Raises:
        InvalidValueError: no directory, one that holds no results, or more of them than 2 MB can show.
        FileFormatError: a file in them is damaged.
        MissingExtraError: matplotlib is not installed.
        OutputError: the files cannot be written, or a page would replace another file, or a page without
            `overwrite`.
    """
    path = Path(path)
    if not directories:
        raise InvalidValueError("report: name one directory of results or more, found none")
    _check_place(path, overwrite)
    runs = [read_run(directory) for directory in directories]
    folder = path.with_name(f"{path.stem}-figures")
    for most_points in _MOST_POINTS:
        shown = [_run(number, run, most_points) for number, run in enumerate(runs, start=1)]
        drawings = {
            (name := f"{run.slug}-{figure.file_name}-{panel.name}"): draw(panel, name, figure.legend)
            for run in shown
            for section in run.sections
            for figure in section.figures
            for panel in figure.panels
        }
        page = _html(shown, drawings, folder.name)
        if len(page.encode()) < MOST_BYTES:
            break
    else:
        raise InvalidValueError(
            f"report: a page of {len(runs)} directories would take {len(page.encode()) / 1e6:.1f} MB, more than "
            f"{MOST_BYTES / 1e6:g} MB; name fewer directories"
        )
    n_files = _write_figures(shown, drawings, folder)
    write_text(path, page)
    return Report(path, len(page.encode()), folder, n_files, {run.files.path: run.missing for run in shown})


def _check_place(path: Path, overwrite: bool) -> None:
    """Raise an OutputError where the page would replace something else."""
    if path.is_dir():
        raise OutputError(f"{path} is a directory; name a file for the page, such as {path / 'report.html'}")
    if path.is_file():
        with path.open(encoding="utf-8", errors="replace") as file:
            if _GENERATOR not in file.read(2000):
                raise OutputError(f"{path} exists and is not a report of swann; name another file")
        if not overwrite:
            raise OutputError(f"{path} holds a report already: replace it with --overwrite, or name another file")


def _run(number: int, found: RunFiles, most_points: int) -> _Run:
    name = re.sub(r"[^a-z0-9]+", "-", found.path.resolve().name.lower()).strip("-")[:40]
    parts = sections(found, most_points)
    return _Run(f"{number}-{name}".strip("-"), found, parts, missing(parts))


def _write_figures(runs: Sequence[_Run], drawings: dict[str, Drawing], folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    contents: dict[str, bytes] = {}
    for name, drawing in drawings.items():
        contents |= {f"{name}.svg": drawing.svg, f"{name}.png": drawing.png}
    for run in runs:
        for section in run.sections:
            contents |= {
                f"{run.slug}-{figure.file_name}.csv": printable(figure.csv).encode() for figure in section.figures
            }
    for name, content in contents.items():
        with replacing(folder / name) as temporary:
            temporary.write_bytes(content)
    return len(contents)


def _html(runs: Sequence[_Run], drawings: dict[str, Drawing], folder: str) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_finalize
    )
    source = {name: (files(__package__) / name).read_text(encoding="utf-8") for name in ("page.css", "page.js")}
    template = environment.from_string((files(__package__) / "page.html").read_text(encoding="utf-8"))
    digest = base64.b64encode(hashlib.sha256(source["page.js"].encode()).digest()).decode()
    return template.render(
        runs=runs,
        version=__version__,
        folder=folder,
        style=Markup(source["page.css"]),
        script=Markup(source["page.js"]),
        script_digest=digest,
        light=SERIES,
        dark=SERIES_IN_THE_DARK,
        swatch=_swatch,
        panels=lambda run, figure: _panels(run, figure, drawings),
        markdown=_markdown,
    )


def _finalize(value: Any) -> Any:
    """Replace characters that a page cannot hold; Markup is ours and stays."""
    return printable(value) if type(value) is str else value


def _panels(run: _Run, figure: Figure, drawings: dict[str, Drawing]) -> list[dict[str, Any]]:
    names = [(panel, f"{run.slug}-{figure.file_name}-{panel.name}") for panel in figure.panels]
    return [{"name": name, "title": panel.title, "svg": Markup(drawings[name].inline)} for panel, name in names]


_MARKERS = {
    "o": "M12 4a3 3 0 1 0 .01 0z",
    "s": "M9 4h6v6h-6z",
    "^": "M12 3l4 7h-8z",
    "D": "M12 3l4 4-4 4-4-4z",
    "v": "M12 11l4-7h-8z",
    "P": "M10.5 3h3v2.5h2.5v3h-2.5v2.5h-3v-2.5h-2.5v-3h2.5z",
    "X": "M9 3l3 2.5 3-2.5 1 1-2.5 3 2.5 3-1 1-3-2.5-3 2.5-1-1 2.5-3-2.5-3z",
}


def _swatch(series: int) -> dict[str, str]:
    """Return how a legend draws a curve: its dashes and its marker as a path."""
    return {"dashes": css_dashes(series), "marker": _MARKERS[marker(series)], "colour": str(series % len(SERIES))}


def _markdown(text: str) -> Markup:
    """Return Markdown with tables as HTML, without links, pictures and HTML of its own."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
    tokens = parser.parse(printable(text))
    for token in tokens:
        if token.type == "th_open":
            token.attrSet("scope", "col")
        if token.type in ("heading_open", "heading_close"):
            token.tag = "h4"
    return Markup(parser.renderer.render(tokens, parser.options, {}))
