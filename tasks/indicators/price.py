"""Typical prices of a bar.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) stay NaN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.indicators.kernels import blend
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


@indicator()
def avgprice(_: Tile, open: Array, high: Array, low: Array, close: Array) -> Array:  # noqa: A002 -- TA-Lib's name
    """Mean of open, high, low and close."""
    return (high + low + close + open) / 4.0


@indicator()
def medprice(tile: Tile, high: Array, low: Array) -> Array:
    """Middle of the day's range."""
    return tile.blend(high, 0.5, low, 0.5)


@indicator()
def typprice(tile: Tile, high: Array, low: Array, close: Array) -> Array:
    """Mean of high, low and close."""
    return tile.run(blend.typical, high, low, close, 1.0)


@indicator()
def wclprice(tile: Tile, high: Array, low: Array, close: Array) -> Array:
    """Mean of high, low and twice the close."""
    return tile.run(blend.typical, high, low, close, 2.0)
