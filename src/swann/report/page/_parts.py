"""What a page consists of, before it is HTML."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Rows:
    """Rows of a table that belong together.

    Args:
        label: what they are about; empty where there is one group alone.
        rows: cells as text, as many as the table has columns.
    """

    label: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Table:
    """A table as text.

    Args:
        caption: what it shows.
        header: of each column; the first column heads its row.
        groups: the rows.
        notes: what stands below.
        is_text: whether its cells are words rather than numbers.
    """

    caption: str
    header: tuple[str, ...]
    groups: tuple[Rows, ...]
    notes: tuple[str, ...] = ()
    is_text: bool = False

    @classmethod
    def of_rows(
        cls,
        caption: str,
        header: Sequence[str],
        rows: Sequence[Sequence[str]],
        *,
        notes: tuple[str, ...] = (),
        is_text: bool = False,
    ) -> "Table":
        """Return a table whose rows are one group."""
        return cls(caption, tuple(header), (Rows("", tuple(map(tuple, rows))),), notes, is_text)


@dataclass(frozen=True)
class Panel:
    """One drawing of a figure.

    Args:
        name: part of its files' names.
        title: what it shows, for those who do not see it.
        draw: makes the drawing; called within `drawing`.
        labels: by the id of an element, what each of its points shows when it is looked at.
    """

    name: str
    title: str
    draw: Callable[[], "Picture"]
    labels: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """An entry of a figure's legend.

    Args:
        series: the number of the curve, by which its colour, dashes and marker are chosen.
        label: its name.
    """

    series: int
    label: str


@dataclass(frozen=True)
class Figure:
    """Drawings that belong together, with the values that they show.

    Args:
        name: of its kind, part of its files' names.
        caption: what it shows.
        panels: the drawings.
        legend: the curves that can be told apart, in all panels alike.
        table: the values, for those who do not see the drawings; None where the section shows them as its table.
        csv: all values.
        block: of the network that it shows; empty where it shows the whole one.
    """

    name: str
    caption: str
    panels: tuple[Panel, ...]
    legend: tuple[Entry, ...]
    table: Table | None
    csv: str
    block: str = ""

    @property
    def file_name(self) -> str:
        """What its files' names begin with.

        >>> Figure("costs", "", (), (), None, "", block="block 1").file_name
        'block-1-costs'
        """
        return f"{self.block} {self.name}".strip().replace(" ", "-")


@dataclass(frozen=True)
class Section:
    """A part of what the page says of one directory.

    Args:
        title: its heading.
        text: sentences below the heading.
        figures: drawn first.
        tables: below the figures.
        folded: tables that are opened on demand.
        details: `(title, text)` of texts as they were written, folded away.
        markdown: a text with tables, as a command wrote it.
        command: a command line.
    """

    title: str
    text: tuple[str, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    folded: tuple[Table, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    markdown: str = ""
    command: str = ""


def printable(text: str) -> str:
    """Return a text with a sign in the place of each character that neither XML nor a page can hold.

    >>> printable("a\\x00b")
    'a\ufffdb'
    """
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def to_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table as CSV.

    >>> to_csv(("p", "S"), [(0.5, 1.25)])
    'p,S\\n0.5,1.25\\n'
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return file.getvalue()
