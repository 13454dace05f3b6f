"""The shape of gains, losses and falls; conventions and NaN policy as in `metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.metrics import (
    DAILY,
    Conventions,
    annual_return,
    days,
    deviation,
    drawdowns,
    equity_curve,
    max_drawdown,
    mean,
    omega,
    ratio,
    tail_ratio,
    total_return,
)

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]


def downside_deviation(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Root mean square of the losses below the risk-free rate, over all days, a year."""
    below = np.minimum(_values(returns) - conventions.period_risk_free, 0.0)
    return np.asarray(np.sqrt(mean(below**2) * conventions.annualisation))


def best_day(returns: ArrayLike) -> Array:
    """Largest return of a day."""
    values = _values(returns)
    return np.where(days(values) > 0, np.max(_filled(values, -np.inf), axis=-1), np.nan)


def worst_day(returns: ArrayLike) -> Array:
    """Smallest return of a day."""
    return np.asarray(-best_day(-_values(returns)))


def average_gain(returns: ArrayLike) -> Array:
    """Mean of the days with a gain."""
    values = _values(returns)
    return mean(np.where(values > 0.0, values, np.nan))


def average_loss(returns: ArrayLike) -> Array:
    """Mean of the days with a loss, negative."""
    return np.asarray(-average_gain(-_values(returns)))


def payoff(returns: ArrayLike) -> Array:
    """Average gain over the size of the average loss."""
    return ratio(average_gain(returns), -average_loss(returns))


def gain_to_pain(returns: ArrayLike) -> Array:
    """Sum of all returns over the sum of the losses; J. D. Schwager, "Market Wizards" (2012)."""
    values = _values(returns)
    losses = -np.nansum(np.minimum(values, 0.0), axis=-1)
    return ratio(np.nansum(values, axis=-1), losses)


def kelly(returns: ArrayLike) -> Array:
    """Fraction to stake where gains and losses were bets: p - (1 - p) / payoff; Kelly (1956)."""
    values = _values(returns)
    won = ratio(np.sum(values > 0.0, axis=-1), np.sum(np.abs(values) > 0.0, axis=-1))
    return np.asarray(won - ratio(1.0 - won, payoff(values)))


def common_sense(returns: ArrayLike) -> Array:
    """Gains over losses, times the ratio of the tails."""
    return np.asarray(omega(returns) * tail_ratio(returns))


def mean_drawdown(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Mean distance below the highest value so far, at most 0 (the pain index, negative)."""
    known = ~np.isnan(_values(returns))
    return mean(np.where(known, drawdowns(returns, conventions), np.nan))


def ulcer_index(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Root mean square of the falls, divided by n - ddof; P. Martin, B. McCann (1989)."""
    known = ~np.isnan(_values(returns))
    falls = np.where(known, drawdowns(returns, conventions), 0.0)
    count = days(returns)
    spread = np.sum(falls**2, axis=-1) / np.maximum(count - conventions.ddof, 1)
    return np.where(count > conventions.ddof, np.sqrt(spread), np.nan)


def martin(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Yearly return above the risk-free rate over the ulcer index; P. Martin, B. McCann (1989).

    quantstats calls so (`ulcer_performance_index`) the gain over the whole time over it.
    """
    excess = annual_return(returns, conventions) - conventions.risk_free
    return ratio(excess, ulcer_index(returns, conventions))


def recovery(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Gain over the whole time over the deepest fall, both compounded or both not.

    quantstats' adds returns up above and compounds them below.
    """
    return ratio(total_return(returns, conventions), -max_drawdown(returns, conventions))


def longest_gains(returns: ArrayLike) -> NDArray[np.int64]:
    """Longest number of days with a gain in a row."""
    return _longest(_values(returns) > 0.0)


def longest_losses(returns: ArrayLike) -> NDArray[np.int64]:
    """Longest number of days with a loss in a row."""
    return _longest(_values(returns) < 0.0)


def stability(returns: ArrayLike) -> Array:
    """R squared of the line through the compounded equity's logarithm; NaN after a total loss."""
    values = _values(returns)
    known = ~np.isnan(values)
    equity = equity_curve(values)
    alive = (equity > 0.0).all(axis=-1)
    height = np.where(known, np.log(np.where(equity > 0.0, equity, 1.0)), np.nan)
    place = np.where(known, np.cumsum(known, axis=-1), np.nan)
    x = place - mean(place)[..., None]
    y = height - mean(height)[..., None]
    line = ratio(mean(x * y) ** 2, mean(x * x) * mean(y * y))
    return np.where(alive, line, np.nan)


def normal_value_at_risk(
    returns: ArrayLike, level: float = 0.05, conventions: Conventions = DAILY
) -> Array:
    """The `level` quantile of a normal distribution with the returns' mean and deviation."""
    from statistics import NormalDist

    spread = deviation(returns, conventions.ddof)
    return np.asarray(mean(returns) + NormalDist().inv_cdf(level) * spread)


def _values(returns: ArrayLike) -> Array:
    return np.asarray(returns, dtype=float)


def _filled(values: Array, filling: float) -> Array:
    return np.where(np.isnan(values), filling, values)


def _longest(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    position = np.arange(1, flags.shape[-1] + 1)
    before = np.maximum.accumulate(np.where(flags, 0, position), axis=-1)
    return np.asarray(np.max(position - before, axis=-1), dtype=np.int64)
