"""Performance of daily net returns: one definition of each figure, used everywhere.

Every function takes returns as fractions, one series (T,) or many (..., T) with time last, and
gives one number per series. NaN days (nothing traded) are left out. What cannot be computed (too
few days, no variation, no loss) is NaN, never zero or infinity. Conventions that change a figure
are named in `Conventions`; kurtosis is Pearson's (3 for a normal distribution).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import UserError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

#: sessions of an A-share year, about
TRADING_DAYS = 244


@dataclasses.dataclass(frozen=True)
class Conventions:
    """What has to be said before a figure means anything.

    Attributes:
        annualisation: periods a year. 244 for daily A-share returns.
        ddof: 1 divides squared deviations by n - 1 (a sample's), 0 by n.
        risk_free: yearly risk-free rate as a fraction, compounded to a period's.
        compounded: whether totals and drawdowns reinvest (products) or not (sums).
    """

    annualisation: float = TRADING_DAYS
    ddof: int = 1
    risk_free: float = 0.0
    compounded: bool = True

    @property
    def period_risk_free(self) -> float:
        """Risk-free rate of one period."""
        return float((1.0 + self.risk_free) ** (1.0 / self.annualisation) - 1.0)


DAILY = Conventions()


def days(returns: ArrayLike) -> NDArray[np.int64]:
    """Number of days with a return."""
    return np.asarray(np.sum(~np.isnan(np.asarray(returns, dtype=float)), axis=-1), dtype=np.int64)


def equity_curve(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Growth of 1 after each day, same shape; a NaN day changes nothing."""
    known = np.nan_to_num(np.asarray(returns, dtype=float), nan=0.0)
    if conventions.compounded:
        return np.cumprod(1.0 + known, axis=-1)
    return 1.0 + np.cumsum(known, axis=-1)


def total_return(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Gain over the whole time, fraction."""
    return _only(equity_curve(returns, conventions)[..., -1] - 1.0, days(returns) > 0)


def annual_return(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Gain a year, fraction: geometric where compounded, else the mean times the year's periods."""
    count = days(returns)
    if not conventions.compounded:
        return np.asarray(mean(returns) * conventions.annualisation)
    growth = np.maximum(1.0 + total_return(returns, conventions), 0.0)
    years = np.maximum(count, 1) / conventions.annualisation
    return _only(growth ** (1.0 / years) - 1.0, count > 0)


def mean(returns: ArrayLike) -> Array:
    """Mean of a day."""
    values = np.asarray(returns, dtype=float)
    count = days(values)
    return _only(np.nansum(values, axis=-1) / np.maximum(count, 1), count > 0)


def volatility(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Standard deviation a year, fraction."""
    return np.asarray(deviation(returns, conventions.ddof) * np.sqrt(conventions.annualisation))


def sharpe(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Mean excess return over its standard deviation, a year; NaN where nothing varies."""
    excess = np.asarray(returns, dtype=float) - conventions.period_risk_free
    return ratio(
        mean(excess) * np.sqrt(conventions.annualisation), deviation(excess, conventions.ddof)
    )


def sharpe_error(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Standard error of the yearly Sharpe ratio for independent returns of any shape.

    sqrt((1 - skew * s + (kurtosis - 1) / 4 * s^2) / (n - 1)) for the ratio s of one period; Mertens
    (2002), in the form of Bailey and López de Prado (2012), "The Sharpe ratio efficient frontier".
    """
    yearly, count = sharpe(returns, conventions), days(returns)
    return error_of_sharpe(yearly, skew(returns), kurtosis(returns), count, conventions)


def error_of_sharpe(
    yearly: Array, skewness: Array, tails: Array, count: NDArray[np.int64],
    conventions: Conventions = DAILY,
) -> Array:  # fmt: skip
    """`sharpe_error` from the Sharpe ratio, skew, kurtosis and number of days."""
    single = yearly / np.sqrt(conventions.annualisation)
    spread = 1.0 - skewness * single + (tails - 1.0) / 4.0 * single**2
    variance = np.maximum(spread, 0.0) / np.maximum(count - 1, 1)
    return _only(np.sqrt(variance * conventions.annualisation), count > 1)


def t_statistic(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Mean over its standard error, days taken as independent."""
    return t_of_sharpe(sharpe(returns, conventions), days(returns), conventions)


def t_of_sharpe(yearly: Array, count: NDArray[np.int64], conventions: Conventions = DAILY) -> Array:
    """`t_statistic` from the Sharpe ratio and the number of days."""
    single = yearly / np.sqrt(conventions.annualisation)
    return np.asarray(single * np.sqrt(count))


def sortino(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Mean excess return over the root mean square of the losses (over all days), a year."""
    excess = np.asarray(returns, dtype=float) - conventions.period_risk_free
    below = np.minimum(excess, 0.0)
    return ratio(mean(excess) * np.sqrt(conventions.annualisation), np.sqrt(mean(below**2)))


def drawdowns(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Fraction below the highest value so far, at most 0; the start counts as a high."""
    equity = equity_curve(returns, conventions)
    high = np.maximum(np.maximum.accumulate(equity, axis=-1), 1.0)
    return np.asarray(equity / high - 1.0)


def max_drawdown(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Deepest fall from a high, at most 0, fraction."""
    return _only(np.min(drawdowns(returns, conventions), axis=-1), days(returns) > 0)


def longest_drawdown(returns: ArrayLike, conventions: Conventions = DAILY) -> NDArray[np.int64]:
    """Longest number of days in a row below a high."""
    below = drawdowns(returns, conventions) < 0.0
    position = np.arange(1, below.shape[-1] + 1)
    last_high = np.maximum.accumulate(np.where(below, 0, position), axis=-1)
    return np.asarray(np.max(position - last_high, axis=-1), dtype=np.int64)


def calmar(returns: ArrayLike, conventions: Conventions = DAILY) -> Array:
    """Yearly return over the deepest fall."""
    return ratio(annual_return(returns, conventions), -max_drawdown(returns, conventions))


def hit_rate(returns: ArrayLike) -> Array:
    """Share of the days with a gain among the days that moved."""
    values = np.asarray(returns, dtype=float)
    return ratio(np.sum(values > 0.0, axis=-1), np.sum(np.abs(values) > 0.0, axis=-1))


def omega(returns: ArrayLike, threshold: float = 0.0) -> Array:
    """Sum of gains over sum of losses, both against `threshold` a day."""
    excess = np.asarray(returns, dtype=float) - threshold
    gains = np.nansum(np.maximum(excess, 0.0), axis=-1)
    return ratio(gains, -np.nansum(np.minimum(excess, 0.0), axis=-1))


def skew(returns: ArrayLike) -> Array:
    """Third standardised moment of the days themselves: divided by n, no estimate (pandas' is)."""
    return ratio(_central(returns, 3), deviation(returns, 0) ** 3)


def kurtosis(returns: ArrayLike) -> Array:
    """Fourth standardised moment of the days themselves: divided by n, 3 for a normal distribution.

    pandas and quantstats give the estimate for what the days are drawn from, less 3.
    """
    return ratio(_central(returns, 4), deviation(returns, 0) ** 4)


def value_at_risk(returns: ArrayLike, level: float = 0.05) -> Array:
    """The `level` quantile of the daily returns (linear interpolation): a loss is negative."""
    return _quantile(returns, level)


def expected_shortfall(returns: ArrayLike, level: float = 0.05) -> Array:
    """Mean of the returns at or below the `level` quantile (conditional value at risk)."""
    values = np.asarray(returns, dtype=float)
    worst = np.where(values <= _quantile(values, level)[..., None], values, np.nan)
    return mean(worst)


def tail_ratio(returns: ArrayLike) -> Array:
    """Size of the 95 % quantile over the size of the 5 % quantile."""
    return ratio(np.abs(_quantile(returns, 0.95)), np.abs(_quantile(returns, 0.05)))


def sharpe_interval(
    returns: ArrayLike,
    *,
    level: float = 0.95,
    draws: int = 2000,
    block: int = 20,
    seed: int = 0,
    conventions: Conventions = DAILY,
) -> tuple[float, float]:
    """Interval of one series' yearly Sharpe ratio by the circular block bootstrap.

    Politis and Romano (1992). Blocks keep what neighbouring days have in common; the same seed
    gives the same interval.

    Args:
        returns: one series (T,).
        level: share of the draws inside the interval.
        draws: number of resampled series.
        block: days in a block.
        seed: of the generator.
        conventions: see `Conventions`.
    """
    values = np.asarray(returns, dtype=float)
    if values.ndim != 1:
        raise UserError(f"the bootstrap takes one series, not shape {values.shape}: pass one row")
    values = values[~np.isnan(values)]
    if len(values) < 2 * block:
        return (np.nan, np.nan)
    ratios = sharpe(_resampled(values, draws, block, seed), conventions)
    tail = (1.0 - level) / 2.0
    low, high = np.nanquantile(ratios, [tail, 1.0 - tail])
    return float(low), float(high)


#: figures that `figure_intervals` knows, each a function of returns (..., T)
_FIGURES: dict[str, Callable[..., Array]] = {
    "annual_return": annual_return,
    "total_return": total_return,
    "volatility": volatility,
    "max_drawdown": max_drawdown,
    "hit_rate": hit_rate,
}


def figure_intervals(
    returns: ArrayLike, *, level: float = 0.95, draws: int = 1000, block: int = 20, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Intervals of one series' other headline figures by the circular block bootstrap.

    Percentiles over resampled series, as in `sharpe_interval`. A drawdown depends on the order of
    good and bad blocks, so its interval says how deep another order of the same blocks would go.

    Args:
        returns: one series (T,); NaN days are left out.
        level: share of the draws inside the intervals.
        draws: number of resampled series.
        block: days in a block.
        seed: of the generator.

    Returns:
        Low and high of `annual_return`, `total_return`, `volatility`, `max_drawdown` and
        `hit_rate`; NaN for a series of fewer than two blocks.
    """
    values = np.asarray(returns, dtype=float)
    values = values[~np.isnan(values)]
    if len(values) < 2 * block:
        return dict.fromkeys(_FIGURES, (np.nan, np.nan))
    drawn = _resampled(values, draws, block, seed)
    tail = (1.0 - level) / 2.0
    ends = {n: np.nanquantile(f(drawn), [tail, 1.0 - tail]) for n, f in _FIGURES.items()}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def _resampled(values: Array, draws: int, block: int, seed: int) -> Array:
    """Series of blocks of days that wrap around the end, (draws, T)."""
    generator = np.random.default_rng(seed)
    count = -(-len(values) // block)
    starts = generator.integers(0, len(values), size=(draws, count, 1))
    places = (starts + np.arange(block)) % len(values)
    resampled: Array = values[places.reshape(draws, -1)[:, : len(values)]]
    return resampled


def _only(values: ArrayLike, known: ArrayLike) -> Array:
    return np.where(known, values, np.nan)


def ratio(above: ArrayLike, below: ArrayLike) -> Array:
    """Quotient; NaN where the divisor is not positive."""
    bottom = np.asarray(below, dtype=float)
    usable = bottom > 0.0
    return _only(np.asarray(above, dtype=float) / np.where(usable, bottom, 1.0), usable)


def _central(returns: ArrayLike, power: int) -> Array:
    values = np.asarray(returns, dtype=float)
    return mean((values - mean(values)[..., None]) ** power)


def deviation(returns: ArrayLike, ddof: int) -> Array:
    """Standard deviation of a day; zero for a series that differs by rounding only."""
    count = days(returns)
    spread = _central(returns, 2) * count / np.maximum(count - ddof, 1)
    found = _only(np.sqrt(spread), count > ddof)
    floor = 1e-14 * np.abs(mean(returns))
    return np.where(found <= floor, 0.0, found)


def _quantile(returns: ArrayLike, level: float) -> Array:
    values = np.asarray(returns, dtype=float)
    known = days(values) > 0
    safe = np.where(known[..., None], values, 0.0)
    return _only(np.nanquantile(safe, level, axis=-1), known)
