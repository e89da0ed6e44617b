"""What the page says of one directory, and what it cannot say."""

from collections.abc import Iterator
from dataclasses import replace

from ..._errors import FileFormatError
from ._architecture import architecture
from ._bench import bench_section
from ._costs import costs
from ._curves import convergence
from ._facts import environment_section, paper_section, settings_section
from ._federated import federated_section
from ._heat_map import heat_map
from ._parts import Section
from ._run_files import RunFiles
from ._small_worldness import search_curves
from ._study import study_section
from ._sweep import sweep_section

_WRITTEN_BY = {
    "Architecture": "convert, compare, bench, analyze and train --p write it",
    "Small-worldness": "search --out writes it, and so do convert and compare without --p",
    "Convergence": "train, compare, study and reproduce write it",
    "Bench": "bench writes it",
    "Costs": "they are counted where there is an architecture",
}
"""By section, who writes what it is made of."""
_OF = " of "
"""Between the title of a section and the block of the network that it tells of."""


def sections(run: RunFiles, most_points: int) -> list[Section]:
    """Return what can be said of a directory's results.

    Args:
        run: what it holds.
        most_points: of a curve.

    Raises:
        FileFormatError: a file in it is damaged.
    """
    try:
        return list(_sections(run, most_points))
    except FileFormatError as error:
        raise FileFormatError(f"{run.path}: {error}") from error


def missing(found: list[Section]) -> tuple[str, ...]:
    """Return in words what a page of these sections lacks."""
    titles = {section.title.partition(_OF)[0] for section in found}
    return tuple(f"{title} ({writers})" for title, writers in _WRITTEN_BY.items() if title not in titles)


def _of_block(block: str, section: Section) -> Section:
    """Return a section with a block's name to tell it from those of the other blocks."""
    if not block:
        return section
    figures = tuple(replace(figure, block=block) for figure in section.figures)
    return replace(section, title=f"{section.title}{_OF}{block}", figures=figures)


def _sections(run: RunFiles, most_points: int) -> Iterator[Section]:
    paper = paper_section(run.settings)
    if paper is not None:
        yield paper
    if run.comparison is not None:
        yield convergence(run.comparison, most_points)
    elif run.history is not None and run.history.evaluations:
        yield convergence({str(run.settings.get("model", "network")): [run.history]}, most_points)
    if run.study is not None:
        yield study_section(run.study, held_out=run.settings.get("test") is False)
    if run.curves:
        yield convergence(run.curves, most_points)
    if run.federated is not None:
        yield federated_section(run.federated)
    if run.sweep is not None:
        yield sweep_section(run.sweep)
    for name, search in run.searches.items():
        yield _of_block(name, search_curves(search))
    for block in run.blocks:
        yield _of_block(block.name, architecture(block.chain, block.plan))
    if run.weights is not None:
        caption = "Mean absolute trained weight of the edges between every two layers"
        yield Section("Weights", figures=(heat_map("weights", caption, run.weights.names, run.weights.values, ""),))
    if run.bench is not None:
        yield bench_section(run.bench)
    for block in run.blocks:
        yield _of_block(block.name, costs(block.chain, block.plan))
    if run.summary:
        yield Section("Summary of the conversion", details=(("summary.txt", run.summary),))
    for name, text in run.texts.items():
        yield Section(f"Table {name.removeprefix('table').removesuffix('.md')} of the paper", markdown=text)
    yield settings_section(run.settings)
    yield environment_section(run.environment)
