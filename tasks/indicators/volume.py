"""Volume indicators.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.indicators.kernels import averages, directional, flow
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
