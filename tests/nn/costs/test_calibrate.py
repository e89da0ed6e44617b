import numpy as np
import pytest
import torch

from swann.nn.costs import _calibrate, costs_here, costs_path
from swann.nn.costs._work import DenseWork, SparseWork


def test_costs_are_measured_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("SWANN_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(_calibrate, "_CONVOLUTIONS", ((8, 4, 3, 8, 4, 0.5, 16), (8, 4, 3, 8, 2, 0.5, 1)))
    monkeypatch.setattr(_calibrate, "_LINEAR", ((32, 1, 16, 1.0, 16), (4, 3, 16, 0.5, 2)))
    calls = []
    try:
        costs = _calibrate.calibrate(lambda done, total: calls.append((done, total)))
        assert calls == [(0, 4), (1, 4), (2, 4), (3, 4)]
        assert costs.threads == torch.get_num_threads()
        assert costs_path(costs.threads).is_file()
        assert costs_here(costs.threads) == costs
    finally:
        costs_here.cache_clear()
    link = SparseWork(1, 10, 100, 100, 100, 0)
    assert 0 < costs.inference.sparse_seconds(link) < 0.1
    assert costs.training.dense_seconds(DenseWork(1, 100, 100, 100, 0, 0), linear=True) > 0
    assert costs.training.moved == 2 * costs.inference.moved > 0


def test_a_fit_finds_the_costs_that_made_the_figures():
    generator = np.random.default_rng(0)
    works = [tuple(row) for row in generator.uniform(1, 100, (12, 3))]
    found = _calibrate._fit([(work, 1e-6 * work[0] + 3e-9 * work[2]) for work in works])
    assert found == pytest.approx((1e-6, 0, 3e-9), rel=1e-4, abs=1e-12)


def test_a_part_that_no_link_has_costs_nothing():
    assert _calibrate._fit([((1.0, 0.0), 2.0), ((2.0, 0.0), 4.0)]) == pytest.approx((2.0, 0.0))
