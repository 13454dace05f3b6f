"""Statistics of a window of trading days.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.indicators.kernels import extremes, moments
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


@indicator(timeperiod=2)
def stddev(tile: Tile, close: Array, timeperiod: int = 5, nbdev: float = 1.0) -> Array:
    """Population standard deviation of n days, times `nbdev`; exactly 0 for equal values."""
    return tile.run(moments.variance, close, timeperiod, 0, state=4) ** 0.5 * nbdev


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
