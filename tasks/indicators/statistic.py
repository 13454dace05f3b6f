"""Statistics of a window of trading days.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.indicators.kernels import averages, blend, extremes, moments, oscillators
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


@indicator(timeperiod=2)
def stddev(tile: Tile, close: Array, timeperiod: int = 5, nbdev: float = 1.0) -> Array:
    """Population standard deviation of n days, times `nbdev`; exactly 0 for equal values."""
    spread = tile.run(moments.variance, close, timeperiod, 0, state=4)
    return tile.run(blend.root, spread, nbdev)


@indicator(timeperiod=2)
def max(tile: Tile, close: Array, timeperiod: int = 30) -> Array:  # noqa: A001 -- TA-Lib's name
    """Highest value of the last n days."""
    return tile.run(extremes.highest, close, timeperiod, 0, state=timeperiod + 1)


@indicator(timeperiod=2)
def min(tile: Tile, close: Array, timeperiod: int = 30) -> Array:  # noqa: A001 -- TA-Lib's name
    """Lowest value of the last n days."""
    return tile.run(extremes.lowest, close, timeperiod, 0, state=timeperiod + 1)


@indicator(timeperiod=2)
def correl(tile: Tile, high: Array, low: Array, timeperiod: int = 30) -> Array:
    """Pearson correlation of two series over n days, in [-1, 1]; 0 where one is constant."""
    both = tile.run(moments.covariance, high, low, timeperiod, 0, state=5)
    spreads = [tile.run(moments.variance, x, timeperiod, 0, state=4) for x in (high, low)]
    return tile.run(moments.correlation, both, *spreads)


@indicator(timeperiod=1)
def var(tile: Tile, close: Array, timeperiod: int = 5) -> Array:
    """Population variance of n days; exactly 0 for equal values."""
    return tile.run(moments.variance, close, timeperiod, 0, state=4)


@indicator(timeperiod=2)
def sum(tile: Tile, close: Array, timeperiod: int = 30) -> Array:  # noqa: A001 -- TA-Lib's name
    """Sum of the last n days."""
    return tile.run(averages.sma, close, timeperiod, 0) * timeperiod


@indicator("min", "max", timeperiod=2)
def minmax(tile: Tile, close: Array, timeperiod: int = 30) -> tuple[Array, Array]:
    """Lowest and highest value of the last n days."""
    return min.on_tile(tile, close, timeperiod), max.on_tile(tile, close, timeperiod)


@indicator(timeperiod=2)
def linearreg(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Newest value of the least-squares line through n days."""
    return _line(tile, close, timeperiod)[1]


@indicator(timeperiod=2)
def linearreg_slope(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Slope per day of the least-squares line through n days."""
    return _line(tile, close, timeperiod)[0]


@indicator(timeperiod=2)
def linearreg_angle(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Angle in degrees of the least-squares line through n days."""
    degrees: Array = np.degrees(np.arctan(_line(tile, close, timeperiod)[0]))
    return degrees


@indicator(timeperiod=2)
def linearreg_intercept(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Oldest value of the least-squares line through n days."""
    slope, last = _line(tile, close, timeperiod)
    return last - slope * (timeperiod - 1)


@indicator(timeperiod=2)
def tsf(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Time series forecast: the least-squares line through n days, one day ahead."""
    slope, last = _line(tile, close, timeperiod)
    return last + slope


@indicator(timeperiod=2)
def avgdev(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Mean absolute distance of n days from their mean."""
    return tile.run(moments.mean_deviation, close, timeperiod, state=2)


@indicator()
def beta(tile: Tile, high: Array, low: Array, timeperiod: int = 5) -> Array:
    """Slope of the second series' returns on the first one's over n days; 0 if that is constant."""
    x, y = (tile.run(oscillators.ratio, series, 1, 1.0, 1.0) for series in (high, low))
    both = tile.run(moments.covariance, x, y, timeperiod, 1, state=5)
    return tile.quotient(both, tile.run(moments.variance, x, timeperiod, 1, state=4), 1.0, 0.0)


def _line(tile: Tile, close: Array, n: int) -> list[Array]:
    """Slope and newest value of the line."""
    return tile.run_many(2, moments.line, close, n, state=2)
