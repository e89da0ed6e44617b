"""Means over few runs, with how far they can be trusted."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from .._errors import InvalidValueError

# 97.5 % quantiles of Student's t distribution for 1 to 30 degrees of freedom; above that, for the number below.
_T_QUANTILES = (
    *(12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281),
    *(2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860),
    *(2.0796, 2.0739, 2.0687, 2.0639, 2.0595, 2.0555, 2.0518, 2.0484, 2.0452, 2.0423),
)
_T_QUANTILES_BEYOND = ((120, 1.9799), (60, 2.0003), (40, 2.0211), (30, 2.0423))


@dataclass(frozen=True)
class Estimate:
    """A mean over runs and its 95 % interval (Student's t distribution).

    Args:
        mean: arithmetic, or geometric for ratios.
        low: lower end of the interval; None for a single run, which has none.
        high: upper end.
        count: runs it is the mean of.
    """

    mean: float
    low: float | None
    high: float | None
    count: int


def t_quantile(degrees_of_freedom: int) -> float:
    """Return the 97.5 % quantile of the t distribution; between the table's entries the larger (wider) one.

    Raises:
        InvalidValueError: less than one degree of freedom.

    >>> t_quantile(2)
    4.3027
    """
    if degrees_of_freedom < 1:
        raise InvalidValueError(f"degrees_of_freedom: expected 1 or more, found {degrees_of_freedom}")
    if degrees_of_freedom <= len(_T_QUANTILES):
        return _T_QUANTILES[degrees_of_freedom - 1]
    return next(quantile for known, quantile in _T_QUANTILES_BEYOND if degrees_of_freedom >= known)


def mean_estimate(values: Sequence[float]) -> Estimate | None:
    """Return the arithmetic mean with its interval; None of no values.

    >>> mean_estimate([2.0])
    Estimate(mean=2.0, low=None, high=None, count=1)
    """
    if not values:
        return None
    mean = float(statistics.mean(values))
    if len(values) == 1:
        return Estimate(mean, None, None, 1)
    margin = t_quantile(len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return Estimate(mean, mean - margin, mean + margin, len(values))


def ratio_estimate(ratios: Sequence[float]) -> Estimate | None:
    """Return the geometric mean of ratios above 0 with its interval, computed from their logarithms; None of none."""
    logarithms = mean_estimate([math.log(ratio) for ratio in ratios])
    if logarithms is None:
        return None
    low, high = (None if end is None else math.exp(end) for end in (logarithms.low, logarithms.high))
    return Estimate(math.exp(logarithms.mean), low, high, logarithms.count)
