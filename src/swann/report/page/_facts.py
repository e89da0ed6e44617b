"""What was run with what: settings, the command and the machine, and the paper's figures beside ours."""

from collections.abc import Iterator, Mapping
from typing import Any

from ._parts import Section, Table

_NOT_SHOWN = ("paper", "title")
_MOST_ROWS = 16
"""Settings that are shown at once; more of them are folded away."""


def settings_section(settings: Mapping[str, Any]) -> Section:
    """Return the settings of a run as a table, without those that were not set."""
    rows = [
        (name, _text(value))
        for name, value in _flat(settings)
        if value is not None and name.split()[0] not in _NOT_SHOWN
    ]
    table = Table.of_rows("Settings of the run", ("setting", "value"), rows, is_text=True)
    return Section("Settings", folded=(table,)) if len(rows) > _MOST_ROWS else Section("Settings", tables=(table,))


def environment_section(found: Mapping[str, Any]) -> Section:
    """Return the machine and the versions as a table, below the exact command."""
    rows = [(name, _text(value)) for name, value in _flat(found) if not name.startswith(("settings ", "command"))]
    return Section(
        "Environment and command",
        tables=(Table.of_rows("What the run was made with", ("what", "found"), rows, is_text=True),),
        command=str(found.get("command", "")),
    )


def paper_section(settings: Mapping[str, Any]) -> Section | None:
    """Return what the paper found, where the run repeats one of its experiments."""
    paper = settings.get("paper")
    if not isinstance(paper, Mapping) or "note" not in paper:
        return None
    points = [point for point in paper.get("points") or () if isinstance(point, Mapping)]
    names = ("baseline_error", "baseline", "twin_error", "twin")
    header = ("baseline: test error (%)", "its iterations", "small world: test error (%)", "its iterations")
    rows = [[_text(point.get(name)) for name in names] for point in points]
    tables = (Table.of_rows("The paper's figures", header, rows),) if rows else ()
    return Section("In the paper", text=(str(paper["note"]),), tables=tables)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", value


def _text(value: Any) -> str:
    """Return a value in words.

    >>> [_text(value) for value in (None, True, 1000, 0.25, ["a", 1])]
    ['—', 'yes', '1,000', '0.25', 'a, 1']
    """
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:,}"
    return ", ".join(map(_text, value)) or "—" if isinstance(value, list) else str(value)
