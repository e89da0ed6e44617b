from swann.report.page._small_worldness import search_curves
from swann.report.page._svg import draw


def test_the_curve_and_its_maximum(found):
    section = search_curves(found)
    assert section.text[0] == f"S is largest at p = {found.best_p:g} (S = {found.best_S:.3f}, a mean over 2 rewirings)."
    figure = section.figures[0]
    assert [panel.name for panel in figure.panels] == ["S", "C", "L"]
    first = figure.panels[0].labels["series-0"][0]
    assert first == f"p = 0: S = {found.S[0].mean():.4g} ({found.S[0].min():.4g} to {found.S[0].max():.4g})"
    assert figure.csv == found.to_csv()
    marked = [row for row in figure.table.groups[0].rows if row[0].endswith("★")]
    assert [row[0] for row in marked] == [f"{found.best_p:g} ★"]
    assert marked[0][5] == f"{found.best_S:.3f}"
    assert "★ chosen" in draw(figure.panels[0], "x").inline
    assert "★" not in draw(figure.panels[1], "x").inline
