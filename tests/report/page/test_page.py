import csv
import io
import itertools
import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest

from swann import InvalidValueError, OutputError
from swann.report import write_report
from swann.report.page import MOST_BYTES, _page

_VOID = {"meta", "link", "br", "hr", "img", "input", "wbr"}


class Tree(HTMLParser):
    """The elements of a page in their order, each with its name, attributes, ancestors and own text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.elements, self._open = [], []
        self.feed(page)
        self.close()
        assert not self._open, f"never closed: {self._open}"

    def handle_starttag(self, tag, attributes):
        self.handle_startendtag(tag, attributes)
        if tag not in _VOID:
            self._open.append(self.elements[-1])

    def handle_startendtag(self, tag, attributes):
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"an attribute twice: {tag} {names}"
        above = [element["tag"] for element in self._open]
        self.elements.append({"tag": tag, "above": above, "text": "", **dict(attributes)})

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> without its start"
        assert self._open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, *tags):
        return [element for element in self.elements if element["tag"] in tags]


@pytest.fixture(scope="module")
def page(report):
    return report, Tree(report.path.read_text())


def test_the_page_has_landmarks_headings_and_captions(page):
    _, tree = page
    for landmark in ("header", "nav", "main", "footer"):
        assert len(tree.all(landmark)) == 1, landmark
    assert tree.all("html")[0]["lang"] == "en"
    levels = [int(element["tag"][1]) for element in tree.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    for heading in ("Convergence", "Small-worldness", "Architecture", "Bench", "Costs", "Settings", "Weights"):
        assert heading in {element["text"] for element in tree.all("h3")}
    figures, captions = tree.all("figure"), tree.all("figcaption")
    assert len(figures) == len(captions) > 5
    assert all(element["above"].count("figure") == 1 and element["text"].strip() for element in captions)


def test_tables_say_what_their_cells_are(page):
    _, tree = page
    assert all(element["scope"] in ("col", "row", "rowgroup") for element in tree.all("th"))
    in_scrolls = [element for element in tree.all("table") if "main" in element["above"]]
    assert len(in_scrolls) == len(tree.all("table"))
    scrolls = [element for element in tree.all("div") if element.get("class") == "scroll"]
    assert len(scrolls) == len(in_scrolls)
    assert all(element["tabindex"] == "0" and element["role"] == "region" for element in scrolls)
    assert all(element["aria-label"].strip() for element in scrolls)


def test_ids_are_unique_and_links_lead_somewhere(page):
    report, tree = page
    ids = [element["id"] for element in tree.elements if "id" in element]
    assert len(ids) == len(set(ids))
    references = [element["href"] for element in tree.elements if "href" in element]
    references += [f"#{found}" for element in tree.elements for found in element.get("aria-labelledby", "").split()]
    references += re.findall(r"url\((#[^)]*)\)", report.path.read_text())
    assert len(references) > 50
    for reference in references:
        if reference.startswith("#"):
            assert reference[1:] in ids, reference
        else:
            assert (report.path.parent / unquote(reference)).is_file(), reference


def test_nothing_is_loaded(page):
    report, tree = page
    text = report.path.read_text()
    assert not re.search(r"https?:|//[a-z]+\.|@import|\bdata:", text)
    assert not re.search(r"url\((?!#)", text)
    assert not [element for element in tree.elements if "src" in element or element["tag"] in ("link", "img", "iframe")]
    policy = next(element for element in tree.all("meta") if "http-equiv" in element)["content"]
    assert "default-src 'none'" in policy


def test_drawings_can_be_read_without_seeing_them(page):
    _, tree = page
    drawings = [element for element in tree.all("svg") if element.get("aria-hidden") != "true"]
    assert len(drawings) > 10
    assert all(element["role"] == "group" and element["aria-label"] for element in drawings)
    points = [element for element in tree.elements if "point" in element.get("class", "").split()]
    assert len(points) > 100
    assert all(element["role"] == "img" and element["aria-label"] for element in points)
    buttons = tree.all("button")
    assert all(element["aria-pressed"] == "true" and element["text"].strip() for element in buttons)
    assert "A baseline (★ 3 of 3 seeds)" in {element["text"].strip() for element in buttons}


def test_every_figure_is_written_as_svg_png_and_csv(page):
    report, tree = page
    files = {file.name: file.read_bytes() for file in report.folder.iterdir()}
    assert len(files) == report.n_files
    assert report.folder.name == "report-figures"
    for name, content in files.items():
        if name.endswith(".svg"):
            assert ElementTree.fromstring(content).tag.endswith("svg")
        elif name.endswith(".png"):
            assert content.startswith(b"\x89PNG")
        else:
            header, *rows = csv.reader(io.StringIO(content.decode()))
            assert rows
            assert all(len(row) == len(header) for row in rows)
    drawings = {name.rpartition(".")[0] for name in files if name.endswith(".svg")}
    assert drawings == {name.rpartition(".")[0] for name in files if name.endswith(".png")}
    csvs = {name for name in files if name.endswith(".csv")}
    assert {"1-compare-curves.csv", "1-compare-small-worldness.csv", "1-compare-architecture.csv"} <= csvs
    assert len(csvs) == len(tree.all("figure"))


def test_what_is_missing_is_said(page):
    report, tree = page
    assert [part.partition(" (")[0] for part in report.missing[next(iter(report.missing))]] == ["Bench"]
    lists = [element for element in tree.all("div") if element.get("class") == "missing"]
    assert len(lists) == 6
    assert "Bench (bench writes it)" in lists[0]["text"]
    assert "Architecture" in lists[-1]["text"]


def test_settings_command_and_machine_are_there(page):
    _, tree = page
    texts = {element["text"] for element in tree.all("code")}
    assert "swann compare --out compare" in texts
    cells = {element["text"] for element in tree.all("td", "th")}
    assert {"swann:mnist5", "digits", "abacus", "0123456789ab", "machine processor", "400", "9.5"} <= cells


def test_hostile_names_stay_text(make, plan, tmp_path, bench_result, comparison_of, hostile):
    values = plan.to_json()
    values["chain"]["layers"][0]["name"] = hostile
    bench = json.loads(bench_result.to_json())
    bench["name"] = hostile
    bench["cases"][0]["twins"] = {hostile: [1.0, 1.0, 1.0]}
    for kind in ("quartiles", "ratios"):
        bench["cases"][0][kind][hostile] = bench["cases"][0][kind]["twin masked"]
    markdown = f"# {hostile}\n\n[a](javascript:alert(1)) ![b](http://example.org/b.png) <b onclick=x>c</b>\n"
    folder = make(
        "a <b>&\"' $x$",
        {
            "comparison.json": comparison_of(("baseline", hostile, "_twin")).to_json(),
            "plan.json": json.dumps(values),
            "bench.json": json.dumps(bench),
            "summary.txt": hostile,
            "table1.md": markdown,
        },
        command="compare",
        model=hostile,
        **{hostile: {hostile: [hostile]}},
    )
    report = write_report([folder], tmp_path / "report.html")
    text = report.path.read_text()
    tree = Tree(text)
    assert len(tree.all("script")) == 1
    assert not tree.all("img", "b", "iframe")
    assert not [name for element in tree.elements for name in element if name.startswith("on")]
    assert not [element for element in tree.elements if element.get("href", "").startswith(("http", "javascript"))]
    assert "alert(1)" in tree.all("h2")[0]["text"]
    assert "{{ 7 * 7 }}" in tree.all("h2")[0]["text"]
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", text)
    assert all(re.fullmatch(r"[-a-zA-Z0-9.]+", file.name) for file in report.folder.iterdir())


def test_long_runs_fit_and_their_files_hold_all(make, tmp_path, comparison_of):
    comparison = comparison_of(("baseline", "b", "c", "d", "e"), n_evaluations=600)
    folder = make("long", {"comparison.json": comparison.to_json()}, command="compare")
    report = write_report([folder], tmp_path / "report.html")
    assert report.n_bytes == report.path.stat().st_size < MOST_BYTES
    assert "Of many evaluations some are left out here" in report.path.read_text()
    curves = (report.folder / "1-long-curves.csv").read_text()
    assert curves.count("\n") == 1 + 5 * 3 * 600


def test_a_page_that_cannot_be_small_enough_is_refused(every_kind, tmp_path, monkeypatch):
    monkeypatch.setattr(_page, "MOST_BYTES", 10_000)
    with pytest.raises(InvalidValueError, match=r"a page of 1 directories would take .* MB, more than 0.01 MB; name"):
        write_report(every_kind[2:3], tmp_path / "report.html")
    assert not list(tmp_path.glob("report*"))


def test_equal_results_make_equal_pages(every_kind, tmp_path):
    first = write_report(every_kind[2:3], tmp_path / "report.html")
    before = {file: file.read_bytes() for file in (first.path, *first.folder.iterdir())}
    with pytest.raises(OutputError, match=r"report.html holds a report already: replace it with --overwrite, or name"):
        write_report(every_kind[2:3], tmp_path / "report.html")
    write_report(every_kind[2:3], tmp_path / "report.html", overwrite=True)
    assert before == {file: file.read_bytes() for file in before}


def test_what_is_not_a_report_is_not_replaced(every_kind, tmp_path):
    (tmp_path / "thesis.html").write_text("<p>years of work</p>")
    with pytest.raises(OutputError, match=r"thesis.html exists and is not a report of swann; name another file"):
        write_report(every_kind[2:3], tmp_path / "thesis.html")
    with pytest.raises(OutputError, match=r"is a directory; name a file for the page, such as .*report.html"):
        write_report(every_kind[2:3], tmp_path)
    (tmp_path / "report-figures").write_text("a file")
    with pytest.raises(OutputError, match=r"cannot make the folder .*report-figures"):
        write_report(every_kind[2:3], tmp_path / "report.html")
    with pytest.raises(InvalidValueError, match="name one directory of results or more, found none"):
        write_report([], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()
