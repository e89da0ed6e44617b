from xml.etree import ElementTree

import numpy as np

from swann.report.page._heat_map import heat_map
from swann.report.page._svg import draw

NAMES = ("input", "a", "b")
VALUES = np.array([[np.nan, 50.0, 0.125], [np.nan, np.nan, 100.0], [np.nan] * 3])


def test_pairs_with_a_value_are_listed_and_drawn():
    figure = heat_map("shares", "Shares", NAMES, VALUES, "%")
    assert figure.csv.splitlines() == ["from,to,%", "input,a,50.0", "input,b,0.125", "a,b,100.0"]
    assert figure.table.groups[0].rows == (("input", "a", "50"), ("input", "b", "0.12"), ("a", "b", "100"))
    texts = [each.text for each in ElementTree.fromstring(draw(figure.panels[0], "x").inline).iter("text")]
    assert texts.count("50") == 1
    assert {"0.12", "input", "from layer"} <= set(texts)


def test_a_map_without_values_is_drawn_empty():
    drawing = draw(heat_map("none", "None", NAMES, np.full((3, 3), np.nan), "").panels[0], "x")
    assert "input" in drawing.inline
