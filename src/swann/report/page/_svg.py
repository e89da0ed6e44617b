"""Drawings of matplotlib as files, and as parts of a page that follow its colours."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ..._errors import InvalidValueError
from ._parts import Entry, Panel, printable
from ._style import VARIABLES, add_legend, drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

_KINDS = ("series", "band", "star", "name", "link", "layer", "bar")
_OURS = re.compile(rf"({'|'.join(_KINDS)})-(\d+)(?:-(\d+))?")
_REFERENCE = re.compile(r"url\(#([^)]*)\)|^#(.*)$")
_FONT = re.compile(r"font: (?:(bold|\d{3}) )?([\d.]+px) [^;]*")  # as matplotlib 3.10 writes it
_FONT_FAMILY = re.compile(r"font-family: [^;]*;? ?")  # as 3.11 does
_LONG_NUMBER = re.compile(r"-?\d+\.\d{3,}")


@dataclass(frozen=True)
class Drawing:
    """A panel as it is written.

    Args:
        inline: SVG for the page.
        svg: a file of its own, in light colours.
        png: the same as pixels.
    """

    inline: str
    svg: bytes
    png: bytes


def draw(panel: Panel, name: str, legend: Sequence[Entry] = ()) -> Drawing:
    """Draw a panel.

    Args:
        panel: what to draw.
        name: begins all ids, which must be unique in a page.
        legend: for the files, which stand alone; a drawing without a layout of its own has no place for it.

    Raises:
        InvalidValueError: a curve has not as many points as labels.
        MissingExtraError: matplotlib is not installed.
    """
    with drawing(name):
        picture = panel.draw()
        of_page = _saved(picture, format="svg")
        if legend and picture.get_layout_engine() is not None:
            add_legend(picture, [(entry.series, entry.label) for entry in legend])
        svg, png = _saved(picture, format="svg"), _saved(picture, format="png", dpi=144, facecolor="white")
    return Drawing(inline(of_page.decode(), panel, name), svg, png)


def _saved(picture: "Picture", **options: Any) -> bytes:
    file = io.BytesIO()
    if options["format"] == "svg":
        options |= {"transparent": True, "metadata": {"Date": None, "Creator": None}}
    picture.savefig(file, **options)
    return file.getvalue()


def inline(svg: str, panel: Panel, name: str) -> str:
    """Return an SVG of matplotlib as part of a page: with the page's colours and font, and points that can be reached.

    Args:
        svg: a whole file.
        panel: what it shows.
        name: begins all ids.

    Raises:
        InvalidValueError: a curve has not as many points as labels.
    """
    root = ElementTree.fromstring(svg)
    used = {
        match[1] or match[2]
        for element in root.iter()
        for value in element.attrib.values()
        for match in _REFERENCE.finditer(value)
    }
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.endswith(("metadata", "style")):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.partition("}")[2] or element.tag
        _rename(element, name, used)
        _mark(element, panel)
        if element.tag == "text":
            element.set("aria-hidden", "true")
    width, height = root.attrib["viewBox"].split()[2:]
    root.attrib = {"viewBox": f"0 0 {width} {height}", "role": "group", "aria-label": panel.title}
    return ElementTree.tostring(root, encoding="unicode")


def _rename(element: ElementTree.Element, name: str, used: set[str]) -> None:
    """Make ids unique, drop those that nothing refers to, and shorten what matplotlib writes."""
    for key, value in list(element.attrib.items()):
        short = key.partition("}")[2] or key
        if key == "id":
            if value in used:
                element.set("id", f"{name}-{value}")
            elif not _OURS.fullmatch(value):
                del element.attrib["id"]
            continue
        value = re.sub(r"url\(#", f"url(#{name}-", value)
        if short == "href":
            value = f"#{name}-{value.removeprefix('#')}"
        if short in ("style", "fill", "stroke"):
            for colour, variable in VARIABLES.items():
                value = value.replace(colour, f"var({variable})")
            value = _FONT_FAMILY.sub("", value)
            value = _FONT.sub(lambda match: f"font-size: {match[2]}; font-weight: {match[1] or 'normal'}", value)
        elif short not in ("href", "aria-label"):
            value = _LONG_NUMBER.sub(lambda match: f"{float(match[0]):.2f}", value)
        if short != key:
            del element.attrib[key]
        element.set(short, value)


def _mark(element: ElementTree.Element, panel: Panel) -> None:
    """Tell the page what an element with one of our ids is, and what its points show."""
    identity = element.attrib.get("id", "")
    match = _OURS.fullmatch(identity)
    if match is None:
        return
    del element.attrib["id"]
    kind, first, second = match.groups()
    element.set("class", kind)
    element.set("data-series" if kind not in ("link", "layer") else "data-from", first)
    if second is not None:
        element.set("data-to", second)
    labels = panel.labels.get(identity)
    if labels is None:
        return
    points = [child for child in element.iter() if child.tag.endswith("use")] or [element]
    if len(points) != len(labels):
        raise InvalidValueError(f"{panel.name}: {identity} has {len(points)} points, expected {len(labels)}")
    for number, (point, label) in enumerate(zip(points, labels, strict=True)):
        point.set("class", f"{point.attrib.get('class', '')} point".strip())
        point.set("role", "img")
        point.set("aria-label", printable(label))
        point.set("tabindex", "-1" if number else "0")
