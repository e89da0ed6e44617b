import json

import pytest

from swann._errors import FileFormatError
from swann.nn.costs._costs import Costs, LinkCosts
from swann.nn.costs._work import DenseWork, SparseWork

LINK = LinkCosts((1e-3, 0, 1e-6, 0, 0, 0), (2e-3, 1e-6, 0, 0, 0, 0), (3e-3, 1e-6, 0, 0, 0, 0), 1e-9)
COSTS = Costs(LINK, LINK, 2)


def test_seconds_are_those_of_all_parts():
    assert LINK.sparse_seconds(SparseWork(1, 5, 100, 5, 5, 5)) == pytest.approx(1.1e-3)
    work = DenseWork(1, 100, 5, 5, 5, 5)
    assert LINK.dense_seconds(work, linear=False) == pytest.approx(2.1e-3)
    assert LINK.dense_seconds(work, linear=True) == pytest.approx(3.1e-3)


def test_costs_come_back_from_json():
    assert Costs.from_json(json.loads(json.dumps(COSTS.to_json()))) == COSTS


def test_more_threads_share_all_but_the_fixed_work():
    on_four = COSTS.on(4)
    assert on_four.threads == 4
    assert on_four.inference.sparse == pytest.approx((1e-3, 0, 0.5e-6, 0, 0, 0))
    assert on_four.training.moved == pytest.approx(0.5e-9)


def test_the_parts_have_names():
    assert LINK.parts()[:3] == [("sparse: links", 1e-3), ("sparse: tiles", 0), ("sparse: products", 1e-6)]
    assert LINK.parts()[-1] == ("moved", 1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value.pop("inference"), "not the costs of a processor: KeyError: 'inference'"),
        (lambda value: value.update(threads=0), "the number of threads must be positive, got 0"),
        (lambda value: value["training"].update(sparse=[1e-9]), "sparse must have 6 numbers, got [1e-09]"),
        (lambda value: value["training"].update(moved=-1), "a part of the work must take from 0 to 1 second, got -1"),
        (lambda value: value["training"].update(moved=float("nan")), "must take from 0 to 1 second, got nan"),
    ],
)
def test_damaged_costs_are_refused(change, message):
    value = json.loads(json.dumps(COSTS.to_json()))
    change(value)
    with pytest.raises(FileFormatError) as caught:
        Costs.from_json(value)
    assert message in str(caught.value)
