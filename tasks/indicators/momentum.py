"""Momentum indicators: how fast prices move, and where they stand in their range.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.indicators.kernels import averages, directional, extremes, flow, oscillators
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


@indicator(timeperiod=2)
def rsi(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Relative strength index, 0 to 100 (Wilder); 0 where nothing moved, as in TA-Lib."""
    return tile.run(oscillators.rsi, close, timeperiod, state=2)


@indicator(fastperiod=2, slowperiod=2)
def macd(
    tile: Tile, close: Array, fastperiod: int = 12, slowperiod: int = 26, signalperiod: int = 9
) -> tuple[Array, Array, Array]:
    """Moving average convergence/divergence: macd, signal and histogram.

    As in TA-Lib both averages begin with the slow one's first day, and all three results with the
    signal's, on trading day slow + signal - 1. A fast period above the slow one is swapped.
    """
    fastperiod, slowperiod = sorted((fastperiod, slowperiod))
    first = slowperiod - fastperiod
    fast = tile.run(averages.ema, close, fastperiod, first, 2.0 / (fastperiod + 1))
    slow = tile.run(averages.ema, close, slowperiod, 0, 2.0 / (slowperiod + 1))
    line = fast - slow
    start = slowperiod - 1
    signal = tile.run(averages.ema, line, signalperiod, start, 2.0 / (signalperiod + 1))
    return line + 0.0 * signal, signal, line - signal


@indicator()
def stoch(
    tile: Tile,
    high: Array,
    low: Array,
    close: Array,
    fastk_period: int = 5,
    slowk_period: int = 3,
    slowd_period: int = 3,
) -> tuple[Array, Array]:
    """Slow stochastics: K and D, simple averages of the position in the range (TA-Lib's STOCH).

    Not KDJ: see `kdj`. A range of no width counts as position 0, as in TA-Lib.
    """
    raw = _range_position(tile, high, low, close, fastk_period)
    k = tile.run(averages.sma, raw, slowk_period, fastk_period - 1)
    d = tile.run(averages.sma, k, slowd_period, fastk_period + slowk_period - 2)
    return k + 0.0 * d, d


@indicator()
def kdj(
    tile: Tile,
    high: Array,
    low: Array,
    close: Array,
    fastk_period: int = 9,
    slowk_period: int = 3,
    slowd_period: int = 3,
) -> tuple[Array, Array, Array]:
    """KDJ, the stochastics of Chinese terminals: K, D and J = 3 K - 2 D.

    The position of the close in the range is smoothed with weight 1 / `slowk_period` to K, and K
    with 1 / `slowd_period` to D. As in TA-Lib both are seeded by a mean, not by the 50 of some
    terminals; the difference is below 0.1 after twenty days.
    """
    raw = _range_position(tile, high, low, close, fastk_period)
    k = tile.run(averages.wilder, raw, slowk_period, fastk_period - 1)
    d = tile.run(averages.wilder, k, slowd_period, fastk_period + slowk_period - 2)
    return k + 0.0 * d, d, 3.0 * k - 2.0 * d


@indicator(timeperiod=2)
def willr(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Williams' %R, -100 to 0: how far the close lies below the highest high of n days."""
    top = tile.run(extremes.highest, high, timeperiod, 0, state=timeperiod + 1)
    bottom = tile.run(extremes.lowest, low, timeperiod, 0, state=timeperiod + 1)
    return tile.run(oscillators.below_top, close, top, bottom)


@indicator(timeperiod=2)
def cci(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Commodity channel index of the typical price, scaled by .015 mean absolute deviations."""
    return tile.run(oscillators.cci, (high + low + close) / 3.0, timeperiod, state=2)


@indicator()
def mom(tile: Tile, close: Array, timeperiod: int = 10) -> Array:
    """Momentum: the price less the price n days ago."""
    return tile.run(oscillators.change, close, timeperiod)


@indicator()
def roc(tile: Tile, close: Array, timeperiod: int = 10) -> Array:
    """Rate of change over n days in percent."""
    return (tile.run(oscillators.ratio, close, timeperiod) - 1.0) * 100.0


@indicator(timeperiod=2)
def adx(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Average directional index, 0 to 100: strength of a trend whichever its direction (Wilder)."""
    index = _directional_index(tile, high, low, close, timeperiod)
    return tile.run(directional.adx, index, timeperiod)


@indicator(timeperiod=2)
def mfi(
    tile: Tile, high: Array, low: Array, close: Array, volume: Array, timeperiod: int = 14
) -> Array:
    """Money flow index, 0 to 100: share of the money that flowed on rising typical prices."""
    return tile.run(flow.mfi, (high + low + close) / 3.0, volume, timeperiod, state=2)


def _range_position(tile: Tile, high: Array, low: Array, close: Array, n: int) -> Array:
    """Close within the n-day range, 0 to 100, as TA-Lib computes it."""
    top = tile.run(extremes.highest, high, n, 0, state=n + 1)
    bottom = tile.run(extremes.lowest, low, n, 0, state=n + 1)
    return tile.run(oscillators.position, close, top, bottom, 100.0)


def _directional_index(tile: Tile, high: Array, low: Array, close: Array, n: int) -> Array:
    """DX, NaN where nothing moved."""
    plus, minus = tile.run_many(2, directional.movements, high, low)
    ranges = tile.run(directional.true_range, high, low, close)
    sums = [tile.run(directional.wilder_sum, x, n) for x in (plus, minus, ranges)]
    return tile.run(directional.directional_index, *sums, n)
