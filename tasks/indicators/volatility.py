"""Volatility indicators.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.indicators.kernels import averages, directional
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
