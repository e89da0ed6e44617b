import csv
import io

import pytest

from swann.report.page._curves import convergence
from swann.train import Evaluation, History, compare


def run(*errors, seed=0, step=10):
    evaluations = [Evaluation(step * i, i, 0.5 * i, i, error, 1.0, 2.0 / i, 0.1) for i, error in enumerate(errors, 1)]
    return History(tuple(evaluations), seed=seed)


@pytest.fixture
def section():
    baseline = [run(0.5, 0.4, 0.3, 0.2, seed=seed) for seed in (0, 1)]
    twin = [run(0.4, 0.2, 0.2, 0.1), run(0.4, 0.3, 0.2, 0.1, seed=1)]
    late = [run(0.9, 0.8, 0.7, 0.6, seed=seed) for seed in (0, 1)]
    return convergence(compare({"plain": baseline, "twin": twin, "late": late}, "plain", over_seeds="worst"), 80)


def test_labels_are_means_over_the_seeds(section):
    labels = section.figures[0].panels[0].labels
    assert labels["series-1"][1] == "twin: 20 iterations, 1.0 s: test error 25.00 % (20.00 to 30.00), training loss 1"
    assert labels["star-0"] == ["★ plain: reaches 20.00% test error after 40 iterations (2 of 2 seeds)"]
    assert labels["star-1"] == ["★ twin: reaches 20.00% test error after 25 iterations (2 of 2 seeds)"]
    assert "star-2" not in labels
    in_seconds = section.figures[0].panels[1].labels
    assert in_seconds["star-1"] == ["★ twin: reaches 20.00% test error after 1.2 s (2 of 2 seeds)"]


def test_the_text_says_how_soon_with_an_interval(section):
    twin, late = section.text
    assert twin.startswith(
        "twin reaches the 20.00% test error of plain in 0.61 times its iterations, a speed-up of 1.63×"
    )
    assert "95 % interval" in twin
    assert late == "late does not reach the 20.00% test error of plain."


def test_the_tables_hold_what_was_compared(section):
    table = section.tables[0]
    assert [group.label for group in table.groups] == ["plain", "twin", "late"]
    assert table.header[-1] == "20.00% ★"
    assert all(len(row) == len(table.header) for group in table.groups for row in group.rows)
    values = section.figures[0].table
    assert values.groups[0].rows[5] == ("twin", "20", "1.0", "25.00", "20.00", "30.00", "1")
    assert len(list(csv.reader(io.StringIO(section.figures[0].csv)))) == 1 + 3 * 2 * 4


def test_many_evaluations_are_thinned_but_for_the_last():
    errors = [1 / (1 + number) for number in range(25)]
    section = convergence({"net": [run(*errors)]}, 10)
    labels = section.figures[0].panels[0].labels["series-0"]
    assert [int(label.split()[1]) for label in labels] == [10 * i for i in range(1, 26, 3)]
    assert "some are left out here" in section.figures[0].caption
    assert section.figures[0].csv.count("\n") == 26
    assert not section.tables
    assert [entry.label for entry in section.figures[0].legend] == ["net"]


def test_an_interrupted_run_is_said_to_be_one():
    history = History(run(0.5, 0.4).evaluations, interrupted=True)
    assert "Stopped before its end: net." in convergence({"net": [history]}, 10).figures[0].caption
