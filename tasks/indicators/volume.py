"""Volume indicators.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.indicators import momentum
from tasks.indicators.kernels import averages, blend, directional, flow, oscillators
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


@indicator()
def obv(tile: Tile, close: Array, volume: Array) -> Array:
    """On-balance volume: volume added on rises, subtracted on falls, from the first day's."""
    return tile.run(flow.obv, close, volume)


@indicator()
def ad(tile: Tile, high: Array, low: Array, close: Array, volume: Array) -> Array:
    """Accumulation/distribution line: volume signed by where the close lies in the bar, summed."""
    return tile.run(flow.accumulation, high, low, close, volume)


@indicator(fastperiod=2, slowperiod=2)
def adosc(
    tile: Tile,
    high: Array,
    low: Array,
    close: Array,
    volume: Array,
    fastperiod: int = 3,
    slowperiod: int = 10,
) -> Array:
    """Chaikin's oscillator: fast less slow exponential average of `ad`, both from its first day."""
    line = ad.on_tile(tile, high, low, close, volume)
    fast, slow = (
        tile.run(averages.ema, line, 1, 0, 2.0 / (days + 1)) for days in (fastperiod, slowperiod)
    )
    longest = fastperiod if fastperiod > slowperiod else slowperiod
    return tile.run(directional.held, tile.blend(fast, 1.0, slow, -1.0), longest - 1)


@indicator()
def cmf(
    tile: Tile, high: Array, low: Array, close: Array, volume: Array, timeperiod: int = 20
) -> Array:
    """Chaikin's money flow, -1 to 1: volume signed by the close's place in the bar, over volume."""
    place = tile.quotient((close - low) - (high - close), high - low, 1.0, 0.0)
    flowed = tile.run(averages.sma, tile.run(blend.product, place, volume), timeperiod, 0)
    return tile.quotient(flowed, tile.run(averages.sma, volume, timeperiod, 0), 1.0, 0.0)


@indicator()
def efi(tile: Tile, close: Array, volume: Array, timeperiod: int = 13) -> Array:
    """Elder's force index: exponential average of the day's change times its volume."""
    force = tile.run(blend.product, tile.run(oscillators.change, close, 1), volume)
    return tile.run(averages.ema, force, timeperiod, 1, 2.0 / (timeperiod + 1))


@indicator()
def marketfi(tile: Tile, high: Array, low: Array, volume: Array) -> Array:
    """Market facilitation index: the day's range over its volume; 0 without volume."""
    return tile.quotient(tile.blend(high, 1.0, low, -1.0), volume, 1.0, 0.0)


@indicator()
def nvi(tile: Tile, close: Array, volume: Array) -> Array:
    """Negative volume index: 1,000, compounded with the returns of days with less volume."""
    return _compounded(tile, close, volume, -1.0)


@indicator()
def pvi(tile: Tile, close: Array, volume: Array) -> Array:
    """Positive volume index: 1,000, compounded with the returns of days with more volume."""
    return _compounded(tile, close, volume, 1.0)


@indicator(fastperiod=2, slowperiod=2)
def pvo(tile: Tile, volume: Array, fastperiod: int = 12, slowperiod: int = 26) -> Array:
    """Fast less slow exponential average of volume in percent of the slow one."""
    return momentum.ppo.on_tile(tile, volume, fastperiod, slowperiod)


@indicator()
def pvt(tile: Tile, close: Array, volume: Array) -> Array:
    """Price volume trend: volume times the day's return, summed up from 0."""
    change = tile.run(oscillators.ratio, close, 1, 1.0, 1.0)
    return tile.run(blend.running, tile.run(blend.product, change, volume), 1, 0.0, 0.0)


@indicator()
def rvol(tile: Tile, volume: Array, timeperiod: int = 20) -> Array:
    """Volume over its simple average of the n days before; NaN where that is 0."""
    usual = tile.run(blend.lag, tile.run(averages.sma, volume, timeperiod, 0), 1)
    return tile.quotient(volume, usual)


@indicator()
def vwap(tile: Tile, high: Array, low: Array, close: Array, volume: Array) -> Array:
    """Average typical price since the first day, weighted by volume."""
    typical = tile.run(blend.typical, high, low, close, 1.0)
    money = tile.run(blend.product, typical, volume)
    paid, traded = (tile.run(blend.running, x, 0, 0.0, 0.0) for x in (money, volume))
    return tile.quotient(paid, traded)


@indicator()
def wad(tile: Tile, high: Array, low: Array, close: Array) -> Array:
    """Williams' accumulation/distribution: rises from the true low, falls from the true high."""
    before = tile.run(blend.lag, close, 1)
    up, down = close - np.minimum(low, before), close - np.maximum(high, before)
    move = np.where(close > before, up, np.where(close < before, down, 0.0))
    return tile.run(blend.running, move, 1, 0.0, 0.0)


def _compounded(tile: Tile, close: Array, volume: Array, sign: float) -> Array:
    change = tile.run(oscillators.ratio, close, 1, 1.0, 1.0)
    more = sign * tile.run(oscillators.change, volume, 1)
    counted = tile.run(blend.product, change, np.where(more > 0.0, 1.0, 0.0))
    return tile.run(blend.running, counted, 1, 1000.0, 1.0)
