"""Moving averages and bands: indicators on the price's own scale.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tasks.indicators import statistic
from tasks.indicators.kernels import averages, blend, directional, extremes
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


def ema_chain(tile: Tile, close: Array, days: int, length: int, first: int = 0) -> list[Array]:
    """Exponential averages of exponential averages: each begins where the one before has values."""
    chain = []
    for number in range(length):
        start = first + number * (days - 1)
        close = tile.run(averages.ema, close, days, start, 2.0 / (days + 1))
        chain.append(close)
    return chain


@indicator()
def sma(tile: Tile, close: Array, timeperiod: int = 30) -> Array:
    """Simple moving average of the last `timeperiod` trading days; NaN for the first n - 1."""
    return tile.run(averages.sma, close, timeperiod, 0)


@indicator()
def ema(tile: Tile, close: Array, timeperiod: int = 30) -> Array:
    """Exponential moving average, weight 2 / (n + 1), seeded by the first n days' mean."""
    return tile.run(averages.ema, close, timeperiod, 0, 2.0 / (timeperiod + 1))


@indicator()
def wma(tile: Tile, close: Array, timeperiod: int = 30) -> Array:
    """Linearly weighted moving average, the newest day n times; NaN for the first n - 1."""
    return tile.run(averages.wma, close, timeperiod, 0, state=2)


@indicator("upperband", "middleband", "lowerband", timeperiod=2)
def bbands(
    tile: Tile, close: Array, timeperiod: int = 20, nbdevup: float = 2.0, nbdevdn: float = 2.0
) -> tuple[Array, Array, Array]:
    """Bollinger bands: upper, middle and lower.

    The middle is the simple average, the bands lie `nbdevup` and `nbdevdn` population standard
    deviations away from it.
    """
    middle = tile.run(averages.sma, close, timeperiod, 0)
    deviation = statistic.stddev.on_tile(tile, close, timeperiod)
    upper = tile.blend(middle, 1.0, deviation, nbdevup)
    return upper, middle, tile.blend(middle, 1.0, deviation, -nbdevdn)


@indicator(timeperiod=2)
def dema(tile: Tile, close: Array, timeperiod: int = 30) -> Array:
    """Double exponential average: 2 EMA - EMA of EMA; first value on trading day 2 n - 1."""
    one, two = ema_chain(tile, close, timeperiod, 2)
    return tile.blend(one, 2.0, two, -1.0)


@indicator(timeperiod=2)
def tema(tile: Tile, close: Array, timeperiod: int = 30) -> Array:
    """Triple exponential average: 3 EMA - 3 EMA2 + EMA3; first value on trading day 3 n - 2."""
    one, two, three = ema_chain(tile, close, timeperiod, 3)
    return tile.blend(tile.blend(one, 3.0, two, -3.0), 1.0, three, 1.0)


@indicator(timeperiod=2)
def t3(tile: Tile, close: Array, timeperiod: int = 5, vfactor: float = 0.7) -> Array:
    """Tillson's T3: six exponential averages mixed by `vfactor`, 0 to 1."""
    *_, three, four, five, six = ema_chain(tile, close, timeperiod, 6)
    v = vfactor
    mixed = tile.blend(six, -(v**3), five, 3.0 * (v**2 + v**3))
    mixed = tile.blend(mixed, 1.0, four, -(6.0 * v**2 + 3.0 * (v + v**3)))
    return tile.blend(mixed, 1.0, three, 1.0 + 3.0 * v + v**3 + 3.0 * v**2)


@indicator(timeperiod=2)
def trima(tile: Tile, close: Array, timeperiod: int = 30) -> Array:
    """Triangular average: a simple average of a simple average, together n days."""
    first = (timeperiod + 1) // 2
    second = timeperiod + 1 - first
    inner = tile.run(averages.sma, close, first, 0)
    return tile.run(averages.sma, inner, second, first - 1)


@indicator(timeperiod=2)
def kama(tile: Tile, close: Array, timeperiod: int = 30) -> Array:
    """Kaufman's adaptive average: fast in a straight move, slow in noise."""
    return tile.run(averages.kama, close, timeperiod, state=2)


@indicator(timeperiod=2)
def midpoint(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Middle between the highest and the lowest value of n days."""
    return _middle(tile, close, close, timeperiod)


@indicator(timeperiod=2)
def midprice(tile: Tile, high: Array, low: Array, timeperiod: int = 14) -> Array:
    """Middle between the highest high and the lowest low of n days."""
    return _middle(tile, high, low, timeperiod)


def _middle(tile: Tile, high: Array, low: Array, n: int) -> Array:
    top = tile.run(extremes.highest, high, n, 0, state=n + 1)
    bottom = tile.run(extremes.lowest, low, n, 0, state=n + 1)
    return tile.blend(top, 0.5, bottom, 0.5)


@indicator()
def rma(tile: Tile, close: Array, timeperiod: int = 30) -> Array:
    """Wilder's average, weight 1 / n, seeded by the first n days' mean."""
    return tile.run(averages.wilder, close, timeperiod, 0)


@indicator(timeperiod=2)
def hma(tile: Tile, close: Array, timeperiod: int = 20) -> Array:
    """Hull's average: weighted average over sqrt(n) days of 2 WMA(n / 2) - WMA(n)."""
    fast, slow = (wma.on_tile(tile, close, days) for days in (timeperiod // 2, timeperiod))
    raw = tile.blend(fast, 2.0, slow, -1.0)
    return tile.run(averages.wma, raw, math.isqrt(timeperiod), timeperiod - 1, state=2)


@indicator(timeperiod=2)
def zlema(tile: Tile, close: Array, timeperiod: int = 30) -> Array:
    """Exponential average of the price plus its change over half the period."""
    days = (timeperiod - 1) // 2
    ahead = tile.blend(close, 2.0, tile.run(blend.lag, close, days), -1.0)
    return tile.run(averages.ema, ahead, timeperiod, days, 2.0 / (timeperiod + 1))


@indicator()
def vwma(tile: Tile, close: Array, volume: Array, timeperiod: int = 30) -> Array:
    """Average of n days weighted by volume; NaN where none was traded in them."""
    money = tile.run(blend.product, close, volume)
    return tile.quotient(
        tile.run(averages.sma, money, timeperiod, 0), tile.run(averages.sma, volume, timeperiod, 0)
    )


@indicator("upperband", "middleband", "lowerband", timeperiod=2)
def donchian(
    tile: Tile, high: Array, low: Array, timeperiod: int = 20
) -> tuple[Array, Array, Array]:
    """Donchian's channel: highest high, middle and lowest low of n days."""
    top = statistic.max.on_tile(tile, high, timeperiod)
    bottom = statistic.min.on_tile(tile, low, timeperiod)
    return top, tile.blend(top, 0.5, bottom, 0.5), bottom


@indicator("upperband", "middleband", "lowerband", timeperiod=2)
def kc(
    tile: Tile,
    high: Array,
    low: Array,
    close: Array,
    timeperiod: int = 20,
    atrperiod: int = 10,
    nbdev: float = 2.0,
) -> tuple[Array, Array, Array]:
    """Keltner's channel: `nbdev` average true ranges around the typical price's average.

    That is exponential; as in TA-Lib both averages begin so that their first days coincide.
    """
    first = timeperiod - 1 if timeperiod > atrperiod else atrperiod
    typical = tile.run(blend.typical, high, low, close, 1.0)
    middle = tile.run(
        averages.ema, typical, timeperiod, first - timeperiod + 1, 2.0 / (timeperiod + 1)
    )
    ranges = tile.run(directional.true_range, high, low, close)
    width = tile.run(averages.wilder, ranges, atrperiod, first - atrperiod + 1)
    upper, lower = (tile.blend(middle, 1.0, width, sign * nbdev) for sign in (1.0, -1.0))
    return upper, middle, lower


@indicator("upperband", "middleband", "lowerband", timeperiod=2)
def accbands(
    tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 20
) -> tuple[Array, Array, Array]:
    """Headley's acceleration bands: averages of high and low, moved out by the day's range."""
    width = tile.quotient(high - low, high + low, 4.0, 0.0)
    upper, lower = high * (1.0 + width), low * (1.0 - width)
    top, middle, bottom = (tile.run(averages.sma, x, timeperiod, 0) for x in (upper, close, lower))
    return top, middle, bottom
