from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from ..train import Estimate
from ._environment import environment_lines
from ._study import Study
from ._study_run import Effect

_NOTES = (
    "Iterations to an error: the first of two successive evaluations with that error or less, a mean over the seeds "
    "that come to it (k/n where not all do). ★: the error that every run of the network compared with comes to.",
    "×: iterations of the network compared with over these, seed by seed, a geometric mean; above 1 is faster. "
    "s×: in seconds.",
    "Area: mean error over the run; area and difference are in percentage points against the network compared with, "
    "seed by seed; below 0 is better. Intervals are 95 % (t distribution), without correction for the number of "
    "comparisons.",
)


_NOTE_ON_DIVERGED = (
    "k/n diverged: the loss of k runs became infinite or NaN. They count as reaching no error; theirs is that of "
    "chance from then on."
)


_CHANGED = ("data", "seeds", "train_images", "test_images")
_LENGTH = ("batch_size", "epochs", "iterations", "evaluate_every")


def study_table(found: Sequence[Effect]) -> Table:
    """Return the effects as a rich table."""
    table = Table(box=SIMPLE_HEAD, caption=escape("\n".join(_notes(found))), caption_justify="left")
    header, rows = _cells(found)
    for number, name in enumerate(header):
        table.add_column(escape(name), justify="right" if number else "left")
    for row in rows:
        table.add_row(*map(escape, row))
    return table


def study_markdown(
    study: Study,
    found: Sequence[Effect],
    measured_on: str,
    seeds: Sequence[int],
    machine: Mapping[str, Any],
    written: Study | None = None,
) -> str:
    """Return a page: what was trained how, and the effects.

    Args:
        study: as it was run.
        found: its effects.
        measured_on: the data whose test images, or validation split, errors are of.
        seeds: of the runs.
        machine: of `environment`.
        written: the study as it is written; what was run with other settings is said.
    """
    header, rows = _cells(found)
    lines = [f"# {study.title}", "", *environment_lines(machine)]
    of_seeds = f"seeds {', '.join(map(str, seeds))}"
    lines += [f"- {study.model}, width {study.width:g}; {measured_on}; {of_seeds}; compared with {study.against!r}"]
    lines += [*_changes(study, written or study), ""]
    lines += ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
    lines += ["| " + " | ".join([row[0].replace("|", "\\|"), *row[1:]]) + " |" for row in rows]
    lines += ["", *(f"- {note}" for note in _notes(found)), "", "```json", study.training.to_json(), "```"]
    return "\n".join(lines) + "\n"


def _changes(study: Study, written: Study) -> list[str]:
    """Say in a line what of a study was changed for its run."""
    fields = {name: (getattr(study, name), getattr(written, name)) for name in _CHANGED}
    fields |= {f"training.{name}": (getattr(study.training, name), getattr(written.training, name)) for name in _LENGTH}
    changed = [f"{name} {new} (there {old})" for name, (new, old) in fields.items() if new != old]
    return [f"- Not as the study is written: {', '.join(changed)}"] if changed else []


def _notes(found: Sequence[Effect]) -> tuple[str, ...]:
    return (*_NOTES, _NOTE_ON_DIVERGED) if any(effect.diverged for effect in found) else _NOTES


def _cells(found: Sequence[Effect]) -> tuple[list[str], list[list[str]]]:
    header = ["network"]
    for at in found[0].at[:-1]:
        header += [f"to {at.error:.4g}", "×", "s×"]
    header += [f"to {found[0].at[-1].error:.4g} ★", "×", "s×"]
    header += ["area", "final error", "difference"]
    n_runs = found[0].final.count
    rows = []
    for effect in found:
        row = [effect.network]
        for at in effect.at:
            some = f" ({at.reached}/{n_runs})" if at.reached < n_runs else ""
            row.append("not reached" if at.iterations is None else f"{at.iterations.mean:,.0f}{some}")
            row += [_ratio(at.speed_up), _ratio(at.speed_up_seconds)]
        final = f"{100 * effect.final.mean:.2f} %"
        if effect.diverged:
            final += f" ({effect.diverged}/{n_runs} diverged)"
        rows.append([*row, _points(effect.area_difference), final, _points(effect.final_difference)])
    return header, rows


def _ratio(estimate: Estimate | None) -> str:
    if estimate is None:
        return "–"
    interval = "" if estimate.low is None else f" [{estimate.low:.2f}, {estimate.high:.2f}]"
    return f"{estimate.mean:.2f}{interval}"


def _points(estimate: Estimate) -> str:
    interval = (
        "" if estimate.low is None or estimate.high is None else f" ± {100 * (estimate.high - estimate.mean):.2f}"
    )
    return f"{100 * estimate.mean:+.2f}{interval}"
