"""What one day can bring to an account that is all in or all out of one stock.

Between two closes there are four cases only: out, held, bought, sold. Their growth factors depend
on the stock and the day, never on the parameters, so they are computed once per stock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.arrays.compiling import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

#: the cases as rows of the tables below
HELD, BOUGHT, SOLD = 0, 1, 2
#: units of the exact sums: a return of 1.0 is 10^13 of them
UNIT = 1e13
#: largest daily return that the exact sums of up to 9,000 stocks can carry
LARGEST_RETURN = 100.0


@kernel
def day_outcomes(
    close: Array, fill: Array, buy_fee: Array, sell_fee: Array, slippage: float
) -> Array:
    """Growth factors of a held, bought and sold day, shape (3, m).

    Held: close / previous close. Bought: from the fill to the close, slippage and fees paid out of
    the same cash, so that a fee f leaves 1 / (1 + f) of it. Sold: from the previous close to the
    fill, less slippage and fees. NaN where there is no fill price; 1 where there is no day before.
    """
    m = len(close)
    out = np.ones((3, m))
    for t in range(m):
        out[BOUGHT, t] = close[t] / (fill[t] * (1.0 + slippage) * (1.0 + buy_fee[t]))
        if t > 0:
            out[HELD, t] = close[t] / close[t - 1]
            out[SOLD, t] = fill[t] * (1.0 - slippage) * (1.0 - sell_fee[t]) / close[t - 1]
    return out


@kernel
def fixed_point(growth: Array, rows: NDArray[np.int64], out: NDArray[np.int64]) -> int:
    """Write returns as whole numbers of 10^-13 to their calendar rows.

    Args:
        growth: (3, m), see `day_outcomes`.
        rows: (m,), calendar row of each trading day.
        out: (3, T), zero before.

    Returns:
        -1, or the trading day whose return is out of range.
    """
    cases, m = growth.shape
    for case in range(cases):
        for t in range(m):
            change = growth[case, t] - 1.0
            if change > LARGEST_RETURN:
                return t
            if change >= -1.0:
                out[case, rows[t]] = np.int64(np.rint(change * UNIT))
    return -1


@kernel
def extremes(close: Array) -> Array:
    """Highest, lowest and worst fall (ratio to the running high) of each dyadic run of days.

    Shape (3, levels, m): `[:, level, i]` describes the 2^level days from i * 2^level on. Runs never
    overlap; joining overlapping ones would give wrong falls.
    """
    m = len(close)
    levels = 1
    while (1 << levels) <= m:
        levels += 1
    out = np.ones((3, levels, m))
    for t in range(m):
        out[0, 0, t] = close[t]
        out[1, 0, t] = close[t]
    for level in range(1, levels):
        for i in range(m >> level):
            left, right = 2 * i, 2 * i + 1
            out[0, level, i] = max(out[0, level - 1, left], out[0, level - 1, right])
            out[1, level, i] = min(out[1, level - 1, left], out[1, level - 1, right])
            across = out[1, level - 1, right] / out[0, level - 1, left]
            inside = min(out[2, level - 1, left], out[2, level - 1, right])
            out[2, level, i] = min(inside, across)
    return out
