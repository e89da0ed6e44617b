import csv
import io
from xml.etree import ElementTree

import numpy as np

from swann.report.page import _architecture
from swann.report.page._architecture import architecture
from swann.report.page._svg import draw


def test_every_link_is_drawn_and_listed(plan):
    section = architecture(plan.chain, plan)
    figure = section.figures[0]
    blocks = {(source, target): block for source, target, block in plan.rewiring.graph.blocks()}
    root = ElementTree.fromstring(draw(figure.panels[0], "x").inline)
    drawn = {(int(each.get("data-from")), int(each.get("data-to"))) for each in root.iter() if each.get("data-to")}
    assert drawn == blocks.keys()
    layers = [each for each in root.iter() if each.get("class") == "layer point"]
    assert [int(each.get("data-from")) for each in layers] == list(range(plan.rewiring.graph.n_layers))
    rows = list(csv.DictReader(io.StringIO(figure.csv)))
    assert sum(int(row["edges"]) for row in rows) == plan.rewiring.graph.n_edges
    assert f"{plan.rewiring.graph.n_edges:,} edges" in section.text[0]
    edges = int(np.count_nonzero(blocks[0, 2]))
    assert figure.panels[0].labels["link-0-2"][0].startswith(f"input → 2: {edges:,} edges, ")
    assert figure.panels[0].labels["layer-4"][0].startswith("7, linear, 5 nodes: ")


def test_a_plain_chain_has_links_of_neighbours_alone(plan):
    section = architecture(plan.chain, None)
    assert len(section.figures) == 1
    assert "nothing rewired" in section.text[1]
    assert sorted(section.figures[0].panels[0].labels)[-4:] == ["link-0-1", "link-1-2", "link-2-3", "link-3-4"]
    assert not section.figures[0].legend


def test_the_weakest_of_too_many_links_are_left_out(plan, monkeypatch):
    monkeypatch.setattr(_architecture, "_MOST_LINKS", 3)
    figure = architecture(plan.chain, plan).figures[0]
    links = [(int(np.count_nonzero(block)), source, target) for source, target, block in plan.rewiring.graph.blocks()]
    strongest = {f"link-{source}-{target}" for _, source, target in sorted(links, reverse=True)[:3]}
    assert {name for name in figure.panels[0].labels if name.startswith("link")} == strongest
    assert "Only the 3 links with the most edges are drawn" in figure.caption
    assert figure.csv.count("\n") == 1 + len(links)
