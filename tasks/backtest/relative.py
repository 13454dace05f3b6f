"""Performance against a benchmark; conventions as in `metrics`.

Days on which either series is NaN are left out of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.metrics import DAILY, Conventions, annual_return, deviation, mean, ratio
from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]


def beta(returns: ArrayLike, benchmark: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Slope of the returns on the benchmark's, both above the risk-free rate."""
    mine, theirs = _pair(returns, benchmark, conventions)
    x = theirs - mean(theirs)[..., None]
    return ratio(mean(x * (mine - mean(mine)[..., None])), mean(x * x))


def alpha(returns: ArrayLike, benchmark: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """What beta does not explain, a year: a day's mean, compounded or not."""
    mine, theirs = _pair(returns, benchmark, conventions)
    daily = mean(mine - beta(returns, benchmark, conventions)[..., None] * theirs)
    if not conventions.compounded:
        return np.asarray(daily * conventions.annualisation)
    return np.asarray((1.0 + daily) ** conventions.annualisation - 1.0)


def correlation(returns: ArrayLike, benchmark: ArrayLike) -> Array:
    """Pearson's correlation of the daily returns."""
    mine, theirs = _pair(returns, benchmark)
    x, y = mine - mean(mine)[..., None], theirs - mean(theirs)[..., None]
    return ratio(mean(x * y), np.sqrt(mean(x * x) * mean(y * y)))


def tracking_error(
    returns: ArrayLike, benchmark: ArrayLike, conventions: Conventions = DAILY
) -> Array:
    """Standard deviation of the daily difference, a year."""
    mine, theirs = _pair(returns, benchmark)
    spread = deviation(mine - theirs, conventions.ddof)
    return np.asarray(spread * np.sqrt(conventions.annualisation))


def information_ratio(
    returns: ArrayLike, benchmark: ArrayLike, conventions: Conventions = DAILY
) -> Array:
    """Mean of the daily difference over its standard deviation, a year."""
    mine, theirs = _pair(returns, benchmark)
    gap = mean(mine - theirs) * conventions.annualisation
    return ratio(gap, tracking_error(returns, benchmark, conventions))


def treynor(returns: ArrayLike, benchmark: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Yearly return above the risk-free rate over beta; NaN where beta is not positive.

    Treynor (1965). quantstats' has the gain over the whole time above.
    """
    mine, _ = _pair(returns, benchmark)
    excess = annual_return(mine, conventions) - conventions.risk_free
    return ratio(excess, beta(returns, benchmark, conventions))


def up_capture(returns: ArrayLike, benchmark: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Yearly return over the benchmark's, on the days when the benchmark gained."""
    return _capture(returns, benchmark, conventions, 1.0)


def down_capture(
    returns: ArrayLike, benchmark: ArrayLike, conventions: Conventions = DAILY
) -> Array:
    """Yearly return over the benchmark's, on the days when the benchmark lost."""
    return _capture(returns, benchmark, conventions, -1.0)


def _capture(
    returns: ArrayLike, benchmark: ArrayLike, conventions: Conventions, sign: float
) -> Array:
    mine, theirs = _pair(returns, benchmark)
    chosen = sign * theirs > 0.0
    gained = annual_return(np.where(chosen, mine, np.nan), conventions)
    offered = annual_return(np.where(chosen, theirs, np.nan), conventions)
    return ratio(sign * gained, sign * offered)


def _pair(
    returns: ArrayLike, benchmark: ArrayLike, conventions: Conventions | None = None
) -> tuple[Array, Array]:
    """Both series on the days that both have, above the risk-free rate if conventions are given."""
    mine, theirs = np.asarray(returns, dtype=float), np.asarray(benchmark, dtype=float)
    if mine.shape[-1] != theirs.shape[-1]:
        raise UserError(
            f"the returns have {mine.shape[-1]} days and the benchmark {theirs.shape[-1]}: "
            "align them to the same sessions"
        )
    free = 0.0 if conventions is None else conventions.period_risk_free
    known = ~np.isnan(mine) & ~np.isnan(theirs)
    return np.where(known, mine - free, np.nan), np.where(known, theirs - free, np.nan)
