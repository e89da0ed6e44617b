import io

from rich.console import Console

from swann.experiments import load_recipe, paper_table, recipe_markdown

ENVIRONMENT = {
    "command": "swann reproduce fig9",
    "commit": "abc",
    "date": "2026-01-01",
    "machine": {"processor": "a processor", "cores": 2},
    "versions": {"python": "3.11"},
}


def test_the_page_has_the_papers_figures_and_the_settings():
    page = recipe_markdown(load_recipe("fig9", "small"), range(2, 4), "| a |\n", ENVIRONMENT)
    lines = page.splitlines()
    assert lines[0] == "# MNIST-5 on MNIST: error and loss against iterations (Fig. 9)"
    assert "- Scale: small; seeds 2, 3" in lines
    assert "| 0.90 % | 4,864 | 0.90 % | 2,304 | 2.11× |" in lines
    assert '  "epochs": 4,' in lines
    assert page.endswith("## Here\n\n| a |\n")


def test_the_papers_table():
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(paper_table(load_recipe("table6").paper))
    assert "3.50×" in console.export_text()


def test_without_figures_the_paper_speaks_in_words():
    paper = load_recipe("overhead").paper
    assert paper_table(paper) == f"In the paper: {paper.note}"
