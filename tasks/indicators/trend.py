"""Direction and strength of trends: Wilder's directional movement and Aroon.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.indicators.kernels import directional, extremes, oscillators
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


@indicator(timeperiod=2)
def adx(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Average directional index, 0 to 100: strength of a trend whichever its direction (Wilder)."""
    index = _index(tile, high, low, close, timeperiod)
    return tile.run(directional.adx, index, timeperiod)


@indicator(timeperiod=2)
def adxr(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Mean of the directional index and that of n - 1 days ago."""
    index = adx.on_tile(tile, high, low, close, timeperiod)
    moved = tile.run(oscillators.change, index, timeperiod - 1)
    return tile.blend(index, 1.0, moved, -0.5)


@indicator(timeperiod=2)
def dx(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Directional index, 0 to 100: how one-sided the movements are; the value before if none."""
    index = _index(tile, high, low, close, timeperiod)
    return tile.run(directional.held, index, timeperiod)


@indicator(timeperiod=2)
def plus_di(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Upward movement in percent of the true range."""
    plus, _, ranges = _sums(tile, high, low, close, timeperiod)
    return tile.run(directional.share, plus, ranges, timeperiod)


@indicator(timeperiod=2)
def minus_di(tile: Tile, high: Array, low: Array, close: Array, timeperiod: int = 14) -> Array:
    """Downward movement in percent of the true range."""
    _, minus, ranges = _sums(tile, high, low, close, timeperiod)
    return tile.run(directional.share, minus, ranges, timeperiod)


@indicator(timeperiod=2)
def plus_dm(tile: Tile, high: Array, low: Array, timeperiod: int = 14) -> Array:
    """Upward movement: Wilder's decaying sum over n days, in price units."""
    return _movement(tile, high, low, timeperiod, 0)


@indicator(timeperiod=2)
def minus_dm(tile: Tile, high: Array, low: Array, timeperiod: int = 14) -> Array:
    """Downward movement: Wilder's decaying sum over n days, in price units."""
    return _movement(tile, high, low, timeperiod, 1)


@indicator("aroondown", "aroonup", timeperiod=2)
def aroon(tile: Tile, high: Array, low: Array, timeperiod: int = 14) -> tuple[Array, Array]:
    """Aroon down and up, 0 to 100: how recent the lowest low and the highest high of n days are."""
    down = tile.run(extremes.bars_since, low, timeperiod, -1.0)
    up = tile.run(extremes.bars_since, high, timeperiod, 1.0)
    return _recency(down, timeperiod), _recency(up, timeperiod)


@indicator(timeperiod=2)
def aroonosc(tile: Tile, high: Array, low: Array, timeperiod: int = 14) -> Array:
    """Aroon up less Aroon down, -100 to 100."""
    down, up = aroon.on_tile(tile, high, low, timeperiod)
    return tile.blend(up, 1.0, down, -1.0)


def _recency(age: Array, n: int) -> Array:
    return 100.0 * (n - age) / n


def _movement(tile: Tile, high: Array, low: Array, n: int, which: int) -> Array:
    moves = tile.run_many(2, directional.movements, high, low)
    total = tile.run(directional.wilder_sum, moves[which], n)
    return tile.run(directional.held, total, n - 1)


def _sums(tile: Tile, high: Array, low: Array, close: Array, n: int) -> list[Array]:
    """Wilder's sums of upward and downward movement and true range."""
    plus, minus = tile.run_many(2, directional.movements, high, low)
    ranges = tile.run(directional.true_range, high, low, close)
    return [tile.run(directional.wilder_sum, x, n) for x in (plus, minus, ranges)]


def _index(tile: Tile, high: Array, low: Array, close: Array, n: int) -> Array:
    """DX, NaN where nothing moved."""
    return tile.run(directional.directional_index, *_sums(tile, high, low, close, n), n)
