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
