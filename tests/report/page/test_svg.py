from functools import partial
from xml.etree import ElementTree

import pytest

from swann import InvalidValueError
from swann.report.page._parts import Entry, Panel
from swann.report.page._style import band, canvas, curve, star
from swann.report.page._svg import draw

X = [0.0, 1.0, 2.0]


def picture(name="y"):
    figure, axes = canvas(200)
    curve(axes, 0, X, [1.0, 3.0, 2.0])
    band(axes, 0, X, [0.0, 2.0, 1.0], [2.0, 4.0, 3.0])
    curve(axes, 1, X, [2.0, 2.0, 2.0])
    star(axes, 1, 1.0, 2.0)
    axes.set_ylabel(name)
    return figure


def parts(drawing):
    root = ElementTree.fromstring(drawing.inline)
    return root, {
        f"{each.get('class')} {each.get('data-series')}": each for each in root.iter("g") if each.get("class")
    }


def test_curves_bands_stars_and_points_can_be_found():
    labels = {"series-0": ["a", "b", "c"], "star-1": ["reached"]}
    root, found = parts(draw(Panel("p", "y against x", picture, labels), "name"))
    assert root.attrib == {"viewBox": "0 0 320 200", "role": "group", "aria-label": "y against x"}
    assert {"series 0", "band 0", "series 1", "star 1", "name 1"} <= found.keys()
    points = list(found["series 0"].iter("use"))
    assert [each.get("aria-label") for each in points] == ["a", "b", "c"]
    assert [each.get("tabindex") for each in points] == ["0", "-1", "-1"]
    assert [float(each.get("x")) for each in points] == sorted(float(each.get("x")) for each in points)
    heights = [float(each.get("y")) for each in points]
    assert heights[1] < heights[2] < heights[0]  # 3 is above 2 and 2 above 1
    assert not [each for each in found["series 1"].iter("use") if each.get("aria-label")]


def test_the_page_decides_on_colours_and_fonts():
    drawing = draw(Panel("p", "t", picture), "name")
    assert "var(--series-0)" in drawing.inline
    assert "var(--ink)" in drawing.inline
    for gone in ("#0067a5", "#1b1f24", "DejaVu", "http", "<style", "metadata"):
        assert gone not in drawing.inline, gone
    assert b"#0067a5" in drawing.svg
    assert drawing.png.startswith(b"\x89PNG")


def test_ids_of_two_drawings_differ_and_are_those_referred_to():
    ids = []
    for name in ("one", "two"):
        root = ElementTree.fromstring(draw(Panel("p", "t", picture), name).inline)
        own = {each.get("id") for each in root.iter() if each.get("id")}
        references = {each.get("href")[1:] for each in root.iter() if each.get("href")}
        references |= {each.get("clip-path")[5:-1] for each in root.iter() if each.get("clip-path")}
        assert own == references
        ids.append(own)
    assert not ids[0] & ids[1]


def test_names_are_shown_as_they_are():
    drawing = draw(Panel("p", "t", partial(picture, r"<b>$\frac{1}{2$ 日本")), "name")
    texts = [each.text for each in ElementTree.fromstring(drawing.inline).iter("text")]
    assert r"<b>$\frac{1}{2$ 日本" in texts


def test_files_have_a_legend_that_the_page_has_itself():
    legend = (Entry(0, "net $a$"), Entry(1, "_twin"))
    drawing = draw(Panel("p", "t", picture), "name", legend)
    own = {each.text for each in ElementTree.fromstring(drawing.svg).iter() if each.tag.endswith("}text")}
    assert {"net $a$", "twin"} <= own
    assert not {"net $a$", "twin"} & {each.text for each in ElementTree.fromstring(drawing.inline).iter("text")}


def test_points_without_labels_are_an_error():
    with pytest.raises(InvalidValueError, match="p: series-0 has 3 points, expected 2"):
        draw(Panel("p", "t", picture, {"series-0": ["a", "b"]}), "name")
