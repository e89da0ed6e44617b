from collections.abc import Mapping
from typing import Any

from rich.table import Table

from ._environment import environment_lines
from ._recipe import Paper, Recipe

_HEADER = ("error, baseline", "iterations", "error, small world", "iterations", "speed-up")


def paper_table(paper: Paper) -> Table | str:
    """Return the paper's figures as a rich table, or what it found in words where it gives none."""
    if not paper.points:
        return f"In the paper: {paper.note}"
    table = Table(title="The paper's figures", caption=paper.note, caption_justify="left")
    for name in _HEADER:
        table.add_column(name, justify="right")
    for cells in _rows(paper):
        table.add_row(*cells)
    return table


def recipe_markdown(recipe: Recipe, seeds: range, result: str, environment: Mapping[str, Any]) -> str:
    """Return a Markdown page: what was measured with what, the paper's figures, and the result.

    Args:
        recipe: as it was run.
        seeds: of the runs.
        result: as Markdown.
        environment: of `environment`.
    """
    of_network = f"- {recipe.model}, width {recipe.width:g}, p = {', '.join(f'{p:g}' for p in recipe.p)}; {recipe.data}"
    lines = [f"# {recipe.title}", "", *environment_lines(environment)]
    lines += [f"- Scale: {recipe.scale}; seeds {', '.join(map(str, seeds))}", of_network]
    if recipe.training is not None:
        lines += ["", "```json", recipe.training.to_json(), "```"]
    lines += ["", "## In the paper", "", *paper_lines(recipe.paper)]
    return "\n".join([*lines, "## Here", "", result])


def paper_lines(paper: Paper) -> list[str]:
    """Return what the paper found as lines of Markdown."""
    lines = [paper.note, ""]
    if paper.points:
        table = [_HEADER, ("---:",) * len(_HEADER), *_rows(paper)]
        lines += [*(f"| {' | '.join(cells)} |" for cells in table), ""]
    return lines


def _rows(paper: Paper) -> list[tuple[str, ...]]:
    return [
        (
            f"{point.baseline_error:.2f} %",
            f"{point.baseline:,}",
            f"{point.twin_error:.2f} %",
            f"{point.twin:,}",
            f"{point.speed_up:.2f}×",
        )
        for point in paper.points
    ]
