"""Strategies that follow a trend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.backtest.kernels.moving import above, moving_averages
from tasks.backtest.strategies.family import Family, Parameter, StockBars

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Bytes = NDArray[np.uint8]

#: two averages count as equal within this fraction: of a price that does not move, both averages
#: are that price, and the last bit of a division must not make a trade
BAND = 1e-12


def _crossing(bars: StockBars, values: Array) -> Bytes:
    windows, place = np.unique(values.astype(np.int64), return_inverse=True)
    place = place.reshape(values.shape).astype(np.int64)
    out = np.empty((len(values), len(bars.close)), dtype=np.uint8)
    table = moving_averages(bars.close, windows)
    above(table, np.ascontiguousarray(place[:, 0]), np.ascontiguousarray(place[:, 1]), BAND, out)
    return out


MA_CROSS = Family(
    name="ma_cross",
    title="crossing moving averages",
    parameters=(
        Parameter("fast", "window of the fast average in trading days", 1, 1000),
        Parameter("slow", "window of the slow average in trading days", 2, 2000),
    ),
    wanted=_crossing,
    lookback=lambda values: int(values[:, 1].max()),
    sensible=lambda values: values[:, 0] < values[:, 1],
    rule="the fast window must be shorter than the slow one",
)
