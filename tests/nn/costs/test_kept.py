import pytest

from swann.nn.costs._costs import Costs, LinkCosts
from swann.nn.costs._kept import TYPICAL, costs_here, costs_path, keep

LINK = LinkCosts((1e-3,) * 6, (1e-6,) * 6, (1e-6,) * 6, 1e-9)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SWANN_CACHE_DIR", str(tmp_path))
    costs_here.cache_clear()
    yield tmp_path
    costs_here.cache_clear()


def test_kept_costs_are_found_for_their_number_of_threads():
    assert costs_here(1) == TYPICAL
    measured = Costs(LINK, LINK, 1)
    keep(measured)
    assert costs_here(1) == measured
    assert costs_here(2) == TYPICAL.on(2)
    assert costs_path(1) != costs_path(2)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"threads": 1}', "[" * 100_000])
def test_a_damaged_file_is_not_trusted(content):
    keep(Costs(LINK, LINK, 1))
    costs_path(1).write_text(content)
    costs_here.cache_clear()
    assert costs_here(1) == TYPICAL


def test_the_file_of_another_number_of_threads_is_not_trusted():
    keep(Costs(LINK, LINK, 2))
    costs_path(2).rename(costs_path(1))
    assert costs_here(1) == TYPICAL


def test_without_a_place_to_keep_them_typical_costs_do(monkeypatch):
    monkeypatch.setattr("swann.nn.costs._kept.cache_folder", lambda _: None)
    keep(Costs(LINK, LINK, 1))
    assert costs_here(1) == TYPICAL
