import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swann._errors import InvalidValueError
from swann.train._statistics import Estimate, mean_estimate, ratio_estimate, t_quantile


@pytest.mark.parametrize("degrees_of_freedom", [*range(1, 31), 40, 60, 120])
def test_quantiles_are_those_of_scipy(degrees_of_freedom):
    scipy_stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
    assert t_quantile(degrees_of_freedom) == pytest.approx(scipy_stats.t.ppf(0.975, degrees_of_freedom), abs=6e-5)


@pytest.mark.parametrize("degrees_of_freedom", [31, 39, 59, 119, 1000])
def test_between_the_entries_the_interval_is_not_too_narrow(degrees_of_freedom):
    scipy_stats = pytest.importorskip("scipy.stats", reason="scipy is the oracle")
    exact = scipy_stats.t.ppf(0.975, degrees_of_freedom)
    assert exact - 6e-5 <= t_quantile(degrees_of_freedom) < exact + 0.025


def test_no_quantile_without_freedom():
    with pytest.raises(InvalidValueError, match="^degrees_of_freedom: expected 1 or more, found 0$"):
        t_quantile(0)


def test_mean_by_hand():
    found = mean_estimate([1.0, 2.0, 3.0])
    margin = 4.3027 / math.sqrt(3)
    assert (found.mean, found.count) == (2.0, 3)
    assert (found.low, found.high) == pytest.approx((2 - margin, 2 + margin))


def test_one_value_has_no_interval_and_none_no_mean():
    assert mean_estimate([3]) == Estimate(3.0, None, None, 1)
    assert mean_estimate([]) is None
    assert ratio_estimate([]) is None


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=8))
def test_ratios_turned_round_give_the_estimate_turned_round(ratios):
    found = ratio_estimate(ratios)
    turned = ratio_estimate([1 / ratio for ratio in ratios])
    assert found.mean == pytest.approx(statistics.geometric_mean(ratios))
    assert found.mean == pytest.approx(1 / turned.mean)
    assert math.log(found.low) == pytest.approx(-math.log(turned.high), abs=1e-6) if turned.high < 1e300 else True
