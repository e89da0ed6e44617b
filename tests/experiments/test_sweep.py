import io

import pytest
import torch
from rich.console import Console

from swann.data import ImageData
from swann.experiments import BASELINE, sweep_markdown, sweep_networks, sweep_points, sweep_table
from swann.models import mnist5
from swann.train import Evaluation, History


def history(*errors, seed=0):
    return History(tuple(Evaluation(10 * i, i, i, i, error, 1, 1, 1) for i, error in enumerate(errors, 1)), seed)


HISTORIES = {
    BASELINE: [history(0.5, 0.3, 0.1, 0.1), history(0.5, 0.1, 0.1, seed=1)],
    "p = 0": [history(0.1), history(0.3, 0.1, seed=1)],
    "p = 0.5": [history(0.3, 0.3), history(0.5, 0.4, seed=1)],
}


def test_rates_compare_seed_by_seed():
    """At 10 % the baseline needs 30 and 20 iterations, p = 0 needs 10 and 20, p = 0.5 never gets there."""
    first, second = sweep_points(HISTORIES, 0.1, {0.0: 1.2, 0.5: 1.5})
    assert (first.p, first.S, first.reached, first.n_seeds) == (0.0, 1.2, 2, 2)
    assert first.iterations.mean == 15
    assert first.rate.mean == pytest.approx((3.0 * 1.0) ** 0.5)
    assert (second.iterations, second.rate, second.reached) == (None, None, 0)


def test_tables_mark_the_largest_S():
    points = sweep_points(HISTORIES, 0.1, {0.0: 1.2, 0.5: 1.5})
    lines = sweep_markdown(points, 0.1).splitlines()
    assert "| 0.5 | 1.500 ★ | not reached | not reached | 0 of 2 |" in lines
    assert "| 0 | 1.200 | 15 [-49, 79] | 1.73× [0.00, 1861.06] | 2 of 2 |" in lines
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(sweep_table(points, 0.1))
    text = console.export_text()
    assert "1.500 ★" in text


def test_without_the_baseline_there_is_no_rate():
    histories = HISTORIES | {BASELINE: [history(0.5), history(0.5, seed=1)]}
    lines = sweep_markdown(sweep_points(histories, 0.1, {0.0: 1.2, 0.5: 1.5}), 0.1).splitlines()
    assert "| 0 | 1.200 | 15 [-49, 79] | – | 2 of 2 |" in lines
    assert "| 0.5 | 1.500 ★ | not reached | not reached | 0 of 2 |" in lines


def test_the_networks_are_the_baseline_and_its_twins():
    images = torch.zeros(10, 1, 8, 8, dtype=torch.uint8)
    data = ImageData.from_tensors("x", tuple("0123456789"), images, torch.arange(10), images, torch.arange(10))
    networks = sweep_networks(lambda seed: mnist5(image_size=8, seed=seed), data, (0.0, 0.7))
    assert list(networks) == [BASELINE, "p = 0", "p = 0.7"]
    assert networks["p = 0.7"](1).plan.rewiring.rewiring_probability == 0.7
    assert isinstance(networks[BASELINE](1), type(mnist5()))
