"""Means of daily values with errors that allow for their dependence (Newey and West 1987)."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: half-width of a 95 % interval in standard errors
Z95 = 1.959963984540054


@dataclasses.dataclass(frozen=True)
class MeanEstimate:
    """A mean of daily values with errors that allow for their dependence.

    Attributes:
        mean: NaN where there are no values.
        std: standard deviation of the daily values (ddof 1).
        ir: mean / std, not annualised (for an IC: the ICIR).
        se: Newey-West standard error of the mean.
        t: mean / se.
        low, high: 95 % interval.
        n: values used.
        lags: lags of the Newey-West error.
    """

    mean: float
    std: float
    ir: float
    se: float
    t: float
    low: float
    high: float
    n: int
    lags: int


def newey_west_lags(n: int, overlap: int = 1) -> int:
    """Lags for n values, floor(4 (n/100)^(2/9)) (Newey and West 1994), and at least the overlap.

    Args:
        n: number of values.
        overlap: days that one value's return covers; 1 for daily returns, h for h-day returns.
    """
    return min(max(int(4 * (n / 100) ** (2 / 9)), overlap - 1), max(n - 1, 0))


def newey_west_se(values: Array, lags: int | None = None) -> float:
    """Newey-West standard error of the mean of a series; NaN values are dropped first.

    Variance = (g0 + 2 sum_k (1 - k/(lags+1)) g_k) / n with autocovariances g_k of divisor n.

    Returns:
        NaN for fewer than two values.
    """
    x = values[np.isfinite(values)]
    n = len(x)
    if n < 2:
        return math.nan
    lags = newey_west_lags(n) if lags is None else lags
    d = x - x.mean()
    total = float(d @ d)
    for k in range(1, min(lags, n - 1) + 1):
        total += 2.0 * (1.0 - k / (lags + 1.0)) * float(d[k:] @ d[:-k])
    return math.sqrt(max(total, 0.0)) / n


def estimate_mean(values: Array, *, lags: int | None = None, overlap: int = 1) -> MeanEstimate:
    """Mean of daily values with Newey-West error, t and 95 % interval; NaN values are dropped."""
    x = values[np.isfinite(values)]
    n = len(x)
    lags = newey_west_lags(n, overlap) if lags is None else lags
    mean = float(x.mean()) if n else math.nan
    std = float(x.std(ddof=1)) if n > 1 else math.nan
    se = newey_west_se(x, lags)
    return MeanEstimate(
        mean=mean,
        std=std,
        ir=mean / std if std > 0 else math.nan,
        se=se,
        t=mean / se if se > 0 else math.nan,
        low=mean - Z95 * se,
        high=mean + Z95 * se,
        n=n,
        lags=lags,
    )
