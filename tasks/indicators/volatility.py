"""Volatility indicators.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.indicators.kernels import averages, directional, oscillators
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


@indicator()
def atr(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Average true range (Wilder), in price units; first value on trading day n + 1."""
    ranges = tile.run(directional.true_range, high, low, close)
    return tile.run(averages.wilder, ranges, timeperiod, 1)


@indicator()
def natr(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Average true range in percent of the close."""
    return tile.quotient(atr.on_tile(tile, high, low, close, timeperiod), close, 100.0)


@indicator()
def trange(tile: Tile, high: Array, low: Array, close: Array) -> Array:
    """True range: the bar's range with the close before counted in; from the second day."""
    return tile.run(directional.true_range, high, low, close)


@indicator()
def adr(tile: Tile, high: Array, low: Array, timeperiod: int = 14) -> Array:
    """Average day range: simple average of high less low."""
    return tile.run(averages.sma, tile.blend(high, 1.0, low, -1.0), timeperiod, 0)


@indicator()
def cvi(tile: Tile, high: Array, low: Array, timeperiod: int = 10, rocperiod: int = 10) -> Array:
    """Chaikin's volatility: change in percent of the exponential average of high less low."""
    width = tile.blend(high, 1.0, low, -1.0)
    smooth = tile.run(averages.ema, width, timeperiod, 0, 2.0 / (timeperiod + 1))
    return tile.run(oscillators.ratio, smooth, rocperiod, 1.0, 100.0)


@indicator(fastperiod=2, slowperiod=2)
def massi(tile: Tile, high: Array, low: Array, fastperiod: int = 9, slowperiod: int = 25) -> Array:
    """Mass index: sum of n days of the range's average over the average of that average.

    A day counts 1 where neither has a range.
    """
    width, k = tile.blend(high, 1.0, low, -1.0), 2.0 / (fastperiod + 1)
    one = tile.run(averages.ema, width, fastperiod, 0, k)
    two = tile.run(averages.ema, one, fastperiod, fastperiod - 1, k)
    ratio = tile.quotient(one, two, 1.0, 1.0)
    return tile.run(averages.sma, ratio, slowperiod, 2 * fastperiod - 2) * slowperiod
