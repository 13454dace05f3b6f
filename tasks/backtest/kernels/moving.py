"""Tables that many parameter sets share: one row per window, trading days along the row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import end_lane, first_lane, kernel
from tasks.backtest.kernels.bits import WORD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Index = NDArray[np.int64]
    Words = NDArray[np.uint64]

_NONE = np.uint64(0)


@kernel
def moving_averages(close: Array, windows: Index) -> Array:
    """Means over the last `windows[w]` values, shape (W, m); NaN until a window is full.

    Differences of a running sum that is kept in two floats, so that a mean is exact to the last
    bits however long the history, and depends on nothing after its own day.
    """
    m = len(close)
    high, low = np.zeros(m + 1), np.zeros(m + 1)
    for t in range(m):
        total = high[t] + close[t]
        back = total - high[t]
        low[t + 1] = low[t] + ((high[t] - (total - back)) + (close[t] - back))
        high[t + 1] = total
    out = np.full((len(windows), m), np.nan)
    for w in range(len(windows)):
        n = windows[w]
        mean, upper, lower = out[w, n - 1 :], high[n:], low[n:]
        for t in range(m + 1 - n):  # counts from zero: the compiler then takes many days at once
            mean[t] = ((upper[t] - high[t]) + (lower[t] - low[t])) / n
    return out


@kernel
def above(table: Array, first: Index, second: Index, band: float, out: Words) -> None:
    """Bits of the days on which row `first[k]` exceeds row `second[k]` times (1 + band).

    See `bits`; `out` is (K, words).
    """
    m = table.shape[1]
    factor = 1.0 + band
    for k in range(first_lane(len(first)), end_lane(len(first))):
        upper, lower, row = table[first[k]], table[second[k]], out[k]
        for w in range(len(row)):
            stop = min(WORD * w + WORD, m)
            high, low, word = upper[WORD * w : stop], lower[WORD * w : stop], _NONE
            for i in range(len(high)):
                word |= np.uint64(high[i] > low[i] * factor) << np.uint64(i)
            row[w] = word
