"""Momentum indicators: how fast prices move, and where they stand in their range.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.indicators.kernels import averages, blend, extremes, flow, oscillators
from tasks.indicators.lanes import Tile, indicator
from tasks.indicators.overlap import ema, ema_chain

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


@indicator(timeperiod=2)
def rsi(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Relative strength index, 0 to 100 (Wilder); 0 where nothing moved, as in TA-Lib."""
    return tile.run(oscillators.rsi, close, timeperiod, state=2)


@indicator("macd", "macdsignal", "macdhist", fastperiod=2, slowperiod=2)
def macd(
    tile: Tile, close: Array, fastperiod: int = 12, slowperiod: int = 26, signalperiod: int = 9
) -> tuple[Array, Array, Array]:
    """Moving average convergence/divergence: macd, signal and histogram.

    As in TA-Lib both averages begin with the slow one's first day, and all three results with the
    signal's, on trading day slow + signal - 1. A fast period above the slow one is swapped.
    """
    fast, slow = _fast_and_slow(tile, close, fastperiod, slowperiod)
    line = tile.blend(fast, 1.0, slow, -1.0)
    start = (slowperiod if slowperiod > fastperiod else fastperiod) - 1
    signal = tile.run(averages.ema, line, signalperiod, start, 2.0 / (signalperiod + 1))
    return tile.only_with(line, signal), signal, tile.blend(line, 1.0, signal, -1.0)


@indicator("macd", "macdsignal", "macdhist")
def macdfix(tile: Tile, close: Array, signalperiod: int = 9) -> tuple[Array, Array, Array]:
    """MACD of 12 and 26 days with Appel's own weights, .15 and .075."""
    fast = tile.run(averages.ema, close, 12, 14, 0.15)
    line = tile.blend(fast, 1.0, tile.run(averages.ema, close, 26, 0, 0.075), -1.0)
    signal = tile.run(averages.ema, line, signalperiod, 25, 2.0 / (signalperiod + 1))
    return tile.only_with(line, signal), signal, tile.blend(line, 1.0, signal, -1.0)


@indicator("slowk", "slowd")
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
    return tile.only_with(k, d), d


@indicator("k", "d", "j")
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
    return tile.only_with(k, d), d, tile.blend(k, 3.0, d, -2.0)


@indicator(timeperiod=2)
def willr(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Williams' %R, -100 to 0: how far the close lies below the highest high of n days."""
    top = tile.run(extremes.highest, high, timeperiod, 0, state=timeperiod + 1)
    bottom = tile.run(extremes.lowest, low, timeperiod, 0, state=timeperiod + 1)
    return tile.run(oscillators.below_top, close, top, bottom)


@indicator(timeperiod=2)
def cci(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Commodity channel index of the typical price, scaled by .015 mean absolute deviations."""
    typical = tile.run(blend.typical, high, low, close, 1.0)
    return tile.run(oscillators.cci, typical, timeperiod, state=2)


@indicator()
def mom(tile: Tile, close: Array, timeperiod: int = 10) -> Array:
    """Momentum: the price less the price n days ago."""
    return tile.run(oscillators.change, close, timeperiod)


@indicator()
def roc(tile: Tile, close: Array, timeperiod: int = 10) -> Array:
    """Rate of change over n days in percent."""
    return tile.run(oscillators.ratio, close, timeperiod, 1.0, 100.0)


@indicator(timeperiod=2)
def mfi(
    tile: Tile, high: Array, low: Array, close: Array, volume: Array, timeperiod: int = 14
) -> Array:
    """Money flow index, 0 to 100: share of the money that flowed on rising typical prices."""
    typical = tile.run(blend.typical, high, low, close, 1.0)
    return tile.run(flow.mfi, typical, volume, timeperiod, state=3)


@indicator(timeperiod=2)
def cmo(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Chande's momentum oscillator, -100 to 100, smoothed as the RSI is."""
    return tile.run(oscillators.cmo, close, timeperiod, state=2)


@indicator()
def rocp(tile: Tile, close: Array, timeperiod: int = 10) -> Array:
    """Rate of change over n days as a fraction."""
    return tile.run(oscillators.ratio, close, timeperiod, 1.0, 1.0)


@indicator()
def rocr(tile: Tile, close: Array, timeperiod: int = 10) -> Array:
    """Price over the price n days ago."""
    return tile.run(oscillators.ratio, close, timeperiod, 0.0, 1.0)


@indicator()
def rocr100(tile: Tile, close: Array, timeperiod: int = 10) -> Array:
    """Price over the price n days ago, times 100."""
    return tile.run(oscillators.ratio, close, timeperiod, 0.0, 100.0)


@indicator()
def trix(tile: Tile, close: Array, timeperiod: int = 30) -> Array:
    """Daily change in percent of a triple exponential average."""
    smooth = ema_chain(tile, close, timeperiod, 3)[-1]
    return tile.run(oscillators.ratio, smooth, 1, 1.0, 100.0)


@indicator(fastperiod=2, slowperiod=2)
def apo(tile: Tile, close: Array, fastperiod: int = 12, slowperiod: int = 26) -> Array:
    """Fast less slow exponential average, in price units."""
    few, many = sorted((fastperiod, slowperiod))
    return tile.blend(ema.on_tile(tile, close, few), 1.0, ema.on_tile(tile, close, many), -1.0)


@indicator(fastperiod=2, slowperiod=2)
def ppo(tile: Tile, close: Array, fastperiod: int = 12, slowperiod: int = 26) -> Array:
    """Fast less slow exponential average in percent of the slow one."""
    few, many = sorted((fastperiod, slowperiod))
    slow = ema.on_tile(tile, close, many)
    difference = tile.blend(ema.on_tile(tile, close, few), 1.0, slow, -1.0)
    return tile.quotient(difference, slow, 100.0)


@indicator("fastk", "fastd")
def stochf(
    tile: Tile, high: Array, low: Array, close: Array, fastk_period: int = 5, fastd_period: int = 3
) -> tuple[Array, Array]:
    """Fast stochastics: the position in the range, and its simple average."""
    k = _range_position(tile, high, low, close, fastk_period)
    d = tile.run(averages.sma, k, fastd_period, fastk_period - 1)
    return tile.only_with(k, d), d


@indicator("fastk", "fastd", timeperiod=2)
def stochrsi(
    tile: Tile, close: Array, timeperiod: int = 14, fastk_period: int = 5, fastd_period: int = 3
) -> tuple[Array, Array]:
    """Fast stochastics of the RSI."""
    strength = rsi.on_tile(tile, close, timeperiod)
    k = _range_position(tile, strength, strength, strength, fastk_period, timeperiod)
    d = tile.run(averages.sma, k, fastd_period, timeperiod + fastk_period - 1)
    return tile.only_with(k, d), d


@indicator()
def ultosc(
    tile: Tile,
    high: Array,
    low: Array,
    close: Array,
    timeperiod1: int = 7,
    timeperiod2: int = 14,
    timeperiod3: int = 28,
) -> Array:
    """Ultimate oscillator, 0 to 100: buying pressure over three windows, weighted 4, 2 and 1."""
    pressure, ranges = tile.run_many(2, flow.ultimate, high, low, close)
    total = 0.0 * close
    for weight, days in zip(
        (4.0, 2.0, 1.0), sorted((timeperiod1, timeperiod2, timeperiod3)), strict=True
    ):
        bought = tile.run(averages.sma, pressure, days, 1)
        share = tile.quotient(
            bought, tile.run(averages.sma, ranges, days, 1), 100.0, 0.0, blend.TINY
        )
        total = total + weight * share
    return total / 7.0


@indicator()
def bop(tile: Tile, open: Array, high: Array, low: Array, close: Array) -> Array:  # noqa: A002 -- TA-Lib's name
    """Balance of power, -1 to 1: the bar's body over its range; 0 where there is no range."""
    return tile.run(oscillators.position, close, open + (high - low), open, 1.0)


def _fast_and_slow(tile: Tile, close: Array, days1: int, days2: int) -> tuple[Array, Array]:
    """Exponential averages of two lengths, both from the slow one's first day, as in TA-Lib."""
    few, many = sorted((days1, days2))
    fast = tile.run(averages.ema, close, few, many - few, 2.0 / (few + 1))
    return fast, tile.run(averages.ema, close, many, 0, 2.0 / (many + 1))


def _range_position(
    tile: Tile, high: Array, low: Array, close: Array, n: int, start: int = 0
) -> Array:
    """Close within the n-day range, 0 to 100, as TA-Lib computes it, from row `start` on."""
    top = tile.run(extremes.highest, high, n, start, state=n + 1)
    bottom = tile.run(extremes.lowest, low, n, start, state=n + 1)
    return tile.run(oscillators.position, close, top, bottom, 100.0)
