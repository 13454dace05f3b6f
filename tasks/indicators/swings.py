"""More momentum indicators: swings around averages, and how straight they are.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.indicators import overlap, statistic
from tasks.indicators.kernels import averages, blend, directional, extremes, oscillators
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


@indicator(fastperiod=2, slowperiod=2)
def ao(tile: Tile, high: Array, low: Array, fastperiod: int = 5, slowperiod: int = 34) -> Array:
    """Awesome oscillator: fast less slow simple average of the bar's middle."""
    middle = tile.blend(high, 0.5, low, 0.5)
    fast, slow = (tile.run(averages.sma, middle, n, 0) for n in (fastperiod, slowperiod))
    return tile.blend(fast, 1.0, slow, -1.0)


@indicator(fastperiod=2, slowperiod=2)
def ac(
    tile: Tile,
    high: Array,
    low: Array,
    fastperiod: int = 5,
    slowperiod: int = 34,
    signalperiod: int = 5,
) -> Array:
    """Accelerator: the awesome oscillator less its own simple average."""
    swing = ao.on_tile(tile, high, low, fastperiod, slowperiod)
    start = (fastperiod if fastperiod > slowperiod else slowperiod) - 1
    return tile.blend(swing, 1.0, tile.run(averages.sma, swing, signalperiod, start), -1.0)


@indicator(timeperiod=2)
def cmou(tile: Tile, close: Array, timeperiod: int = 14) -> Array:
    """Chande's momentum oscillator, -100 to 100, from plain sums; 0 where nothing moved."""
    move = tile.run(oscillators.change, close, 1)
    net = tile.run(oscillators.change, close, timeperiod)
    path = tile.run(averages.sma, np.abs(move), timeperiod, 1) * timeperiod
    return tile.quotient(net, path, 100.0, 0.0, blend.TINY)


@indicator()
def coppock(
    tile: Tile, close: Array, wmaperiod: int = 10, roc1period: int = 11, roc2period: int = 14
) -> Array:
    """Coppock's curve: weighted average of the sum of two rates of change."""
    one, two = (tile.run(oscillators.ratio, close, n, 1.0, 100.0) for n in (roc1period, roc2period))
    start = sorted((roc1period, roc2period))[1]
    total = tile.blend(one, 1.0, two, 1.0)
    return tile.run(averages.wma, total, wmaperiod, start, state=2)


@indicator(timeperiod=2)
def dpo(tile: Tile, close: Array, timeperiod: int = 20) -> Array:
    """Detrended price: the close of n / 2 + 1 days ago less today's simple average of n days."""
    older = tile.run(blend.lag, close, timeperiod // 2 + 1)
    return tile.blend(older, 1.0, overlap.sma.on_tile(tile, close, timeperiod), -1.0)


@indicator(timeperiod=2)
def er(tile: Tile, close: Array, timeperiod: int = 10) -> Array:
    """Kaufman's efficiency ratio, 0 to 1: the way of n days over the path; 1 without any."""
    move = tile.run(oscillators.change, close, 1)
    way = np.abs(tile.run(oscillators.change, close, timeperiod))
    path = tile.run(averages.sma, np.abs(move), timeperiod, 1) * timeperiod
    return tile.quotient(way, path, 1.0, 1.0, blend.TINY)


@indicator("bullpower", "bearpower", timeperiod=2)
def eri(
    tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 13
) -> tuple[Array, Array]:
    """Elder's bull and bear power: high and low less the exponential average of the close."""
    middle = overlap.ema.on_tile(tile, close, timeperiod)
    return tile.blend(high, 1.0, middle, -1.0), tile.blend(low, 1.0, middle, -1.0)


@indicator(timeperiod=2)
def fosc(tile: Tile, close: Array, timeperiod: int = 5) -> Array:
    """Forecast oscillator: the close less yesterday's forecast of it, in percent of the close."""
    forecast = tile.run(blend.lag, statistic.tsf.on_tile(tile, close, timeperiod), 1)
    return tile.quotient(tile.blend(close, 1.0, forecast, -1.0), close, 100.0)


@indicator(timeperiod=1)
def imi(tile: Tile, open: Array, close: Array, timeperiod: int = 14) -> Array:  # noqa: A002 -- TA-Lib's name
    """Intraday momentum, 0 to 100: share of rising bodies in all of n days; 50 without any."""
    body = tile.blend(close, 1.0, open, -1.0)
    rising = tile.run(averages.sma, np.maximum(body, 0.0), timeperiod, 0)
    bodies = tile.run(averages.sma, np.abs(body), timeperiod, 0)
    return tile.quotient(rising, bodies, 100.0, 50.0, blend.TINY)


@indicator(timeperiod=2)
def qstick(tile: Tile, open: Array, close: Array, timeperiod: int = 10) -> Array:  # noqa: A002 -- TA-Lib's name
    """Chande's Qstick: simple average of close less open."""
    return tile.run(averages.sma, tile.blend(close, 1.0, open, -1.0), timeperiod, 0)


@indicator("smi", "smisignal")
def smi(
    tile: Tile,
    high: Array,
    low: Array,
    close: Array,
    timeperiod: int = 13,
    fastperiod: int = 2,
    slowperiod: int = 25,
    signalperiod: int = 9,
) -> tuple[Array, Array]:
    """Blau's stochastic momentum, -100 to 100: the close's distance from the middle of the range.

    Distance and half range are smoothed twice; the signal is an exponential average.
    """
    top = tile.run(extremes.highest, high, timeperiod, 0, state=timeperiod + 1)
    bottom = tile.run(extremes.lowest, low, timeperiod, 0, state=timeperiod + 1)
    away = tile.blend(close, 1.0, tile.blend(top, 0.5, bottom, 0.5), -1.0)
    half = tile.blend(top, 0.5, bottom, -0.5)
    days = (slowperiod, fastperiod)
    start = timeperiod - 1
    value = tile.quotient(
        smoothed(tile, away, days, start), smoothed(tile, half, days, start), 100.0, 0.0
    )
    start += slowperiod + fastperiod - 2
    signal = tile.run(averages.ema, value, signalperiod, start, 2.0 / (signalperiod + 1))
    return tile.only_with(value, signal), signal


@indicator(firstperiod=2, secondperiod=2)
def tsi(tile: Tile, close: Array, firstperiod: int = 25, secondperiod: int = 13) -> Array:
    """Blau's true strength, -100 to 100: changes over absolute changes, both smoothed twice."""
    move = tile.run(oscillators.change, close, 1)
    days = (firstperiod, secondperiod)
    path = smoothed(tile, np.abs(move), days, 1)
    return tile.quotient(smoothed(tile, move, days, 1), path, 100.0, 0.0)


@indicator(timeperiod=2)
def vhf(tile: Tile, close: Array, timeperiod: int = 28) -> Array:
    """Vertical horizontal filter: the range of n days' closes over the length of their path."""
    move = tile.run(oscillators.change, close, 1)
    path = tile.run(averages.sma, np.abs(move), timeperiod, 1) * timeperiod
    top, bottom = (one.on_tile(tile, close, timeperiod) for one in (statistic.max, statistic.min))
    return tile.quotient(tile.blend(top, 1.0, bottom, -1.0), path, 1.0, 0.0)


@indicator("plusvi", "minusvi", timeperiod=2)
def vortex(
    tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14
) -> tuple[Array, Array]:
    """Vortex: movement up and down, from extreme to opposite extreme, over the true range."""
    ranges = tile.run(
        averages.sma, tile.run(directional.true_range, high, low, close), timeperiod, 1
    )
    ups = np.abs(tile.blend(high, 1.0, tile.run(blend.lag, low, 1), -1.0))
    downs = np.abs(tile.blend(low, 1.0, tile.run(blend.lag, high, 1), -1.0))
    up, down = (tile.run(averages.sma, x, timeperiod, 1) for x in (ups, downs))
    return tile.quotient(up, ranges, 1.0, 0.0), tile.quotient(down, ranges, 1.0, 0.0)


def smoothed(tile: Tile, x: Array, days: tuple[int, ...], start: int) -> Array:
    """Exponential averages one after the other, each from where the one before has values."""
    for n in days:
        x = tile.run(averages.ema, x, n, start, 2.0 / (n + 1))
        start += n - 1
    return x
