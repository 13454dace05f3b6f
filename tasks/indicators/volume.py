"""Volume indicators.

Every function takes series (T,) or grids (T dates x N symbols) and gives float64 of that shape in
kind; suspended days (NaN) are skipped and stay NaN, as does the warm-up, which is TA-Lib's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.indicators.kernels import flow
from tasks.indicators.lanes import Tile, indicator

if TYPE_CHECKING:
    from tasks.indicators.lanes import Array


@indicator()
def obv(tile: Tile, close: Array, volume: Array) -> Array:
    """On-balance volume: volume added on rises, subtracted on falls, from the first day's."""
    return tile.run(flow.obv, close, volume)
