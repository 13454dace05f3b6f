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
    Whole = NDArray[np.int64]

#: the cases as rows of the tables below
HELD, BOUGHT, SOLD = 0, 1, 2
#: units of the exact sums: a return of 1.0 is 10^13 of them
UNIT = 1e13
#: largest daily return that the exact sums of up to 9,000 stocks can carry
LARGEST_RETURN = 100.0


@kernel
def day_outcomes(
    close: Array, fill: Array, rows: Whole, buy_fee: Array, sell_fee: Array, slippage: float,
    out: Array,
) -> None:  # fmt: skip
    """Growth factors of a held, bought and sold day.

    Held: close / previous close. Bought: from the fill to the close, slippage and fees paid out of
    the same cash, so that a fee f leaves 1 / (1 + f) of it. Sold: from the previous close to the
    fill, less slippage and fees. NaN where there is no fill price; 1 where there is no day before.

    Args:
        close: of one stock on its trading days, (m,).
        fill: price of the fills, (m,).
        rows: calendar row of each trading day, (m,).
        buy_fee: fraction of the bought value on each row of the calendar, (T,).
        sell_fee: of the sold value, (T,).
        slippage: fraction of the price.
        out: (3, m).
    """
    m = len(close)
    for t in range(m):
        row = rows[t]
        out[HELD, t], out[SOLD, t] = 1.0, 1.0
        out[BOUGHT, t] = close[t] / (fill[t] * (1.0 + slippage) * (1.0 + buy_fee[row]))
        if t > 0:
            out[HELD, t] = close[t] / close[t - 1]
            out[SOLD, t] = fill[t] * (1.0 - slippage) * (1.0 - sell_fee[row]) / close[t - 1]


@kernel
def fixed_point(growth: Array, rows: Whole, out: Whole) -> int:
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
def extremes(close: Array, begins: Whole, out: Array) -> int:
    """Highest, lowest and worst fall (ratio to the running high) of each dyadic run of days.

    Runs never overlap; joining overlapping ones would give wrong falls.

    Args:
        close: (m,).
        begins: gets the place of each level's first run, at least (64,).
        out: (3, 2 m): `[:, begins[level] + i]` describes the 2^level days from i * 2^level on.

    Returns:
        The number of levels.
    """
    m = len(close)
    begins[0], level = 0, 0
    for t in range(m):
        out[0, t], out[1, t], out[2, t] = close[t], close[t], 1.0
    while (2 << level) <= m:
        lower, upper = begins[level], begins[level] + (m >> level)
        level += 1
        begins[level] = upper
        for i in range(m >> level):
            left, right = lower + 2 * i, lower + 2 * i + 1
            out[0, upper + i] = max(out[0, left], out[0, right])
            out[1, upper + i] = min(out[1, left], out[1, right])
            across = out[1, right] / out[0, left]
            out[2, upper + i] = min(out[2, left], out[2, right], across)
    return level + 1
