"""Moving averages and bands: indicators on the price's own scale.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.indicators.kernels import averages, moments
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


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


@indicator(timeperiod=2)
def bbands(
    tile: Tile, close: Array, timeperiod: int = 20, nbdevup: float = 2.0, nbdevdn: float = 2.0
) -> tuple[Array, Array, Array]:
    """Bollinger bands: upper, middle and lower.

    The middle is the simple average, the bands lie `nbdevup` and `nbdevdn` population standard
    deviations away from it.
    """
    middle = tile.run(averages.sma, close, timeperiod, 0)
    deviation = tile.run(moments.variance, close, timeperiod, 0, state=4) ** 0.5
    return middle + nbdevup * deviation, middle, middle - nbdevdn * deviation
