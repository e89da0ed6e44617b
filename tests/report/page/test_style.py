import itertools
import re
from importlib.resources import files

import pytest

from swann.report.page import _style


def luminance(colour):
    """As WCAG 2.2 defines it."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def variables():
    """The colours of the page's style, light and dark."""
    css = (files("swann.report.page") / "page.css").read_text()
    light, dark, *_ = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    return [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", text)) for text in (light, dark)]


@pytest.mark.parametrize(("place", "series"), [(0, _style.SERIES), (1, _style.SERIES_IN_THE_DARK)])
def test_text_and_curves_stand_out_from_the_page(place, series):
    colours = variables()[place]
    for ground in (colours["page"], colours["surface"]):
        for text in ("ink", "muted", "accent"):
            assert contrast(colours[text], ground) >= 4.5, (text, ground)
        for curve in series:
            assert contrast(curve, ground) >= 4.5, (curve, ground)


def test_neighbouring_curves_differ_in_more_than_colour():
    looks = [(_style.css_dashes(number), _style.marker(number)) for number in range(12)]
    assert all(one[0] != other[0] and one[1] != other[1] for one, other in itertools.pairwise(looks))
    assert len({_style.letter(number) for number in range(60)}) == 60


def test_each_colour_of_a_drawing_is_a_variable():
    assert len(set(_style.VARIABLES)) == 4 + len(_style.SERIES) == len(set(_style.VARIABLES.values()))
