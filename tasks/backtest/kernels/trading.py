"""The trading days of a few stocks, taken from the calendar side by side.

One call serves many stocks, so that the time in which threads wait for each other, between the
calls of kernels, does not grow with the stocks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tasks.arrays.compiling import kernel
from tasks.backtest.kernels.outcomes import day_outcomes, fixed_point

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Flags = NDArray[np.bool_]
    Whole = NDArray[np.int64]

#: rows of `Days.prices` and of `Days.orders`
OPEN, HIGH, LOW, CLOSE = 0, 1, 2, 3
BUYABLE, SELLABLE = 0, 1
#: trading days without which a stock has no account
FEWEST = 2


class Days(NamedTuple):
    """Trading days of G stocks, each of which has at most T of them.

    Attributes:
        prices: open, high, low and close, (4, G, T).
        orders: whether purchases and sales can be filled, (2, G, T).
        rows: calendar rows, (G, T).
        lengths: number of trading days of each stock, (G,).
        growth: of m days each, (3, m) in a row of (G, 3 T), see `outcomes.day_outcomes`.
        whole: (G, 3, T), see `outcomes.fixed_point`.
    """

    prices: Array
    orders: Flags
    rows: Whole
    lengths: Whole
    growth: Array
    whole: Whole


def room(stocks: int, days: int) -> Days:
    """Room for so many stocks on a calendar of so many days."""
    return Days(
        np.empty((4, stocks, days)), np.empty((2, stocks, days), dtype=np.bool_),
        np.empty((stocks, days), dtype=np.int64), np.zeros(stocks, dtype=np.int64),
        np.empty((stocks, 3 * days)), np.zeros((stocks, 3, days), dtype=np.int64),
    )  # fmt: skip


@kernel
def gather(
    opened: Array, high: Array, low: Array, close: Array, buyable: Flags, sellable: Flags,
    start: int, out: Days,
) -> None:  # fmt: skip
    """Take prices and orders, all (T, N), of the stocks from column `start` on: days with a close.

    All of `out` but `growth` and `whole` is filled.
    """
    prices, orders, rows, lengths = out.prices, out.orders, out.rows, out.lengths
    for g in range(len(lengths)):
        lengths[g] = 0
    for t in range(len(close)):
        for g in range(len(lengths)):
            n = start + g
            if close[t, n] == close[t, n]:
                i = lengths[g]
                prices[OPEN, g, i], prices[HIGH, g, i] = opened[t, n], high[t, n]
                prices[LOW, g, i], prices[CLOSE, g, i] = low[t, n], close[t, n]
                orders[BUYABLE, g, i], orders[SELLABLE, g, i] = buyable[t, n], sellable[t, n]
                rows[g, i] = t
                lengths[g] = i + 1


@kernel
def outcomes(
    days: Days, filled: int, buy_fee: Array, sell_fee: Array, slippage: float
) -> tuple[int, int]:
    """Fill `growth` and `whole`, which must be zero, of stocks with at least `FEWEST` days.

    Args:
        days: stocks as `gather` left them.
        filled: row of `days.prices` that is the price of the fills.
        buy_fee: see `outcomes.day_outcomes`, as the others.
        sell_fee: likewise.
        slippage: likewise.

    Returns:
        The stock and the trading day of the first return that is out of range; -1, -1 without.
    """
    for g in range(len(days.lengths)):
        m = days.lengths[g]
        if m < FEWEST:
            continue
        close, rows = days.prices[CLOSE, g, :m], days.rows[g, :m]
        growth = days.growth[g, : 3 * m].reshape(3, m)
        day_outcomes(close, days.prices[filled, g, :m], rows, buy_fee, sell_fee, slippage, growth)
        bad = fixed_point(growth, rows, days.whole[g])
        if bad >= 0:
            return g, bad
    return -1, -1
