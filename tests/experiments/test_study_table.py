from dataclasses import replace

from swann.experiments import CONTROL, effects, environment, study_markdown, study_table
from swann.experiments._study import parse_study
from swann.train import Evaluation, History

STUDY = """
title = "What helps?"
model = "swann:mnist5"
data = "digits"
seeds = 2
errors = [0.3, 0.1]
training = { iterations = 4 }
networks = { "twin | a" = { p = 0.5 } }
"""


def history(*errors, seed=0):
    return History(tuple(Evaluation(10 * i, i, 2 * i, i, error, 1, 1, 1) for i, error in enumerate(errors, 1)), seed)


def test_the_page_has_all_figures():
    study = parse_study("mine", STUDY)
    runs = {
        CONTROL: [history(0.5, 0.3, 0.2), history(0.5, 0.3, 0.2, seed=1)],
        "twin | a": [history(0.3, 0.2, 0.1), history(0.3, 0.2, 0.2, seed=1)],
    }
    found = effects(runs, study.errors)
    page = study_markdown(study, found, "digits (validation)", range(2), environment())
    assert "# What helps?" in page
    assert "digits (validation); seeds 0, 1; compared with 'control'" in page
    lines = page.splitlines()
    header = next(line for line in lines if line.startswith("| network"))
    assert header == (
        "| network | to 0.3 | × | s× | to 0.1 | × | s× | to 0.3 ★ | × | s× | area | final error | difference |"
    )
    twin = next(line for line in lines if line.startswith("| twin"))
    twice = "| 2.00 [2.00, 2.00] "
    assert twin.startswith(f"| twin \\| a | 10 {twice}{twice}| 30 (1/2) | – | – | 10 {twice}{twice}|")
    assert "| 15.00 % | -5.00 ± 63.53 |" in twin
    control = next(line for line in lines if line.startswith("| control"))
    once = "| 20 | 1.00 [1.00, 1.00] | 1.00 [1.00, 1.00] |"
    assert f"{once} not reached | – | – {once} +0.00 ± 0.00 | 20.00 % |" in control
    assert study_table(found).row_count == 2
    assert "diverged" not in page


def test_diverged_runs_are_marked():
    study = parse_study("mine", STUDY)
    runs = {
        CONTROL: [history(0.5, 0.3), history(0.5, 0.3, seed=1)],
        "twin | a": [replace(history(0.3), diverged=True), history(0.3, 0.2, seed=1)],
    }
    found = effects(runs, study.errors, chance=0.9)
    lines = study_markdown(study, found, "digits (validation)", range(2), environment()).splitlines()
    twin = next(line for line in lines if line.startswith("| twin"))
    assert "| 55.00 % (1/2 diverged) |" in twin
    assert any(line.startswith("- k/n diverged: the loss of k runs became infinite or NaN.") for line in lines)
    assert "diverged" in study_table(found).caption
